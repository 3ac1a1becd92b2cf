# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016
#
# Packages of another Debian release, from the mirror that this machine already uses.
# Sourced by fetch-llhttp and fetch-consul.  Needs no root and changes nothing under /etc
# or /var: apt-get gets a private configuration that lives in one temporary directory.

# suite_mirror: prints the mirror's address for the running release.
suite_mirror() {
	suite_codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		awk -v c="$suite_codename" '$2 == c { print $1; exit }'
}

# suite_keyring: prints the archive keyring; Debian 13 renamed the file's suffix.
suite_keyring() {
	for suite_key in /usr/share/keyrings/debian-archive-keyring.gpg \
		/usr/share/keyrings/debian-archive-keyring.pgp; do
		if [ -r "$suite_key" ]; then
			echo "$suite_key"
			return 0
		fi
	done
	return 1
}

# suite_open SUITE DIR: reads SUITE's package lists into DIR, an empty temporary directory.
# The words that make apt-get use them are left in $DIR/apt.conf, for suite_apt.
suite_open() {
	suite_uri=$(suite_mirror) || suite_uri=
	if [ -z "$suite_uri" ]; then
		echo "no Debian mirror is configured for apt on this machine" >&2
		return 1
	fi
	suite_key=$(suite_keyring) || {
		echo "the package debian-archive-keyring is missing" >&2
		return 1
	}
	mkdir -p "$2/lists/partial" "$2/cache/archives/partial"
	echo "deb [signed-by=$suite_key] $suite_uri $1 main" >"$2/suite.list"
	cat >"$2/apt.conf" <<END
Dir::Etc::sourcelist "$2/suite.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$2/lists";
Dir::Cache "$2/cache";
APT::Sandbox::User "$(id -un)";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
END
	suite_apt "$2" update >"$2/log" 2>&1 || {
		cat "$2/log" >&2
		return 1
	}
}

# suite_apt DIR WORDS...: runs apt-get with the configuration that suite_open made in DIR.
suite_apt() {
	suite_dir=$1
	shift
	apt-get -q -c "$suite_dir/apt.conf" "$@"
}

# suite_download DIR PACKAGES...: leaves the packages' .deb files in DIR.
suite_download() {
	suite_dir=$1
	shift
	(cd "$suite_dir" && suite_apt "$suite_dir" download "$@") >"$suite_dir/log" 2>&1 || {
		cat "$suite_dir/log" >&2
		return 1
	}
}
