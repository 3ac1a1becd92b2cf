#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: ./autogen.sh
# Makes ./configure in a checkout, and makes it again after a file was added or removed.
set -eu
cd "$(dirname -- "$0")"
# Two builds of one checkout may call this at once; the second waits for the first.
exec 9<.
flock 9

scripts/list-sources >sources.am.new
if cmp -s sources.am.new sources.am; then
	rm sources.am.new
else
	mv sources.am.new sources.am
fi
autoreconf --install
