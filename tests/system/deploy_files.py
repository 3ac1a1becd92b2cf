# SPDX-License-Identifier: Apache-2.0
"""deploy_files -- readers for docker-compose.yml and Dockerfiles, and a run of the latter.

Used by test_deploy.py, where no container engine is.  Both readers are strict: what they do
not know is an error, so a file that they accept says what they understood.
"""
import fnmatch
import json
import os
import re
import shutil
import subprocess


class Unknown(Exception):
    """The file uses something that these readers do not know."""


# ---- YAML: block mappings and sequences, plain and double-quoted scalars, JSON lists ----

def yaml_read(text):
    """Returns the document as dicts, lists and strings."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            if "\t" in line or " #" in line or line.strip() == "---":
                raise Unknown("line %d: %s" % (number, line))
            lines.append((number, len(line) - len(line.lstrip()), line.strip()))
    value, rest = _yaml_block(lines, 0)
    if rest:
        raise Unknown("line %d: indentation" % rest[0][0])
    return value


def _yaml_block(lines, indent):
    if lines[0][2].startswith("- "):
        return _yaml_sequence(lines, indent)
    value = {}
    while lines and lines[0][1] == indent:
        number, _, text = lines[0]
        match = re.match(r"([A-Za-z0-9_-]+):(?: (.*))?\Z", text)
        if not match or match[1] in value:
            raise Unknown("line %d: %s" % (number, text))
        lines = lines[1:]
        if match[2]:
            value[match[1]] = _yaml_scalar(number, match[2])
        elif lines and lines[0][1] > indent:
            value[match[1]], lines = _yaml_block(lines, lines[0][1])
        else:
            raise Unknown("line %d: no value" % number)
    return value, lines


def _yaml_sequence(lines, indent):
    value = []
    while lines and lines[0][1] == indent and lines[0][2].startswith("- "):
        value.append(_yaml_scalar(lines[0][0], lines[0][2][2:]))
        lines = lines[1:]
    return value, lines


def _yaml_scalar(number, text):
    if text[0] in '"[':
        return json.loads(text)
    if re.search(r"[\[\]{}&*!|>'\"%@`]|: |:\Z", text) or re.match(r"\d+(:\d+)+\Z", text):
        raise Unknown("line %d: quote %s" % (number, text))
    return text


# ---- Dockerfiles ----

KNOWN = {"ARG", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


class Stage:
    """One FROM and its steps, each (instruction, {flag: value}, text)."""

    def __init__(self, base, name):
        self.base = base
        self.name = name
        self.steps = []

    def last(self, instruction):
        """Returns the text of the last such step, or None."""
        return next((t for i, _, t in reversed(self.steps) if i == instruction), None)


def dockerfile_read(path):
    """Returns ({global ARG: default}, [Stage])."""
    with open(path, encoding="utf-8") as f:
        lines = [x for x in f.read().splitlines() if x.strip() and not x.startswith("#")]
    args, stages = {}, []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).split("\n"):
        instruction, _, rest = line.partition(" ")
        flags = {}
        while rest.startswith("--"):
            flag, _, rest = rest.partition(" ")
            name, _, value = flag[2:].partition("=")
            flags[name] = value
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        elif instruction == "ARG" and not stages:
            args.update([rest.split("=", 1)])
        elif instruction in KNOWN and stages:
            stages[-1].steps.append((instruction, flags, rest))
        else:
            raise Unknown("%s: %s" % (path, line))
    return args, stages


def paths_outside(step):
    """Returns the absolute paths that a step names itself, that is, not through an ARG."""
    return re.findall(r"(?:^|[\s\"'=:<>])(/[^\s\"']*)", step[2])


class Ignore:
    """The patterns of a .dockerignore file."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.patterns = [x.strip() for x in f if x.strip() and not x.startswith("#")]

    def __call__(self, top):
        """Returns a function for shutil.copytree()'s ignore."""
        def ignored(folder, names):
            at = os.path.relpath(folder, top)
            return [n for n in names if self.matches(os.path.normpath(os.path.join(at, n)))]
        return ignored

    def matches(self, path):
        base = os.path.basename(path)
        return any(fnmatch.fnmatch(base, p[3:]) if p.startswith("**/") else
                   "/" not in path and fnmatch.fnmatch(path, p) for p in self.patterns)


class Machine:
    """Runs stages in a scratch directory, into which every path comes by an ARG.

    Like the engine, a stage that says the same as one that ran is not run again.
    """

    def __init__(self, root, context, ignore, env, limit):
        self.root = root
        self.context = context
        self.ignore = ignore
        self.env = env
        self.limit = limit
        self.done = []

    def run(self, stage):
        """Runs every step of the stage; raises with the output of the one that failed."""
        if stage.steps in self.done:
            return
        args, cwd = {}, self.root
        for instruction, flags, text in stage.steps:
            if instruction == "ARG":
                name, _, default = text.partition("=")
                args[name] = self.root + default
                continue
            if instruction == "RUN":
                self._shell(text, cwd, args)
                continue
            text = re.sub(r"\$\{(\w+)\}", lambda m: args[m[1]], text)
            if instruction == "WORKDIR":
                cwd = text
                os.makedirs(cwd, exist_ok=True)
            elif instruction == "COPY":
                source, target = text.split(" ")
                self._copy(source, target, "from" in flags)
        self.done.append(stage.steps)

    def _shell(self, text, cwd, args):
        done = subprocess.run(["/bin/sh", "-c", text], cwd=cwd, env={**self.env, **args},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=self.limit, check=False)
        if done.returncode:
            raise AssertionError("RUN %s: exit %d\n%s" % (
                text, done.returncode, done.stdout.decode("utf-8", "replace")[-4000:]))

    def _copy(self, source, target, from_stage):
        ignore = None
        if not from_stage:
            source = os.path.normpath(os.path.join(self.context, source))
            ignore = self.ignore(self.context)
        if not target.startswith(self.root + "/"):
            raise Unknown("COPY to %s" % target)
        if os.path.isdir(source):
            shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True,
                            symlinks=True)
            # The sources of a distribution check are read-only.
            for folder, _, _ in os.walk(target):
                os.chmod(folder, 0o755)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(source, target)
