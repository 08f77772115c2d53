#!/usr/bin/env python3
"""The dependency graph of Debian packages as store paths, without a file of them.

    debian_graph.py [--release RELEASE --lists DIR] PACKAGE...

prints what `nix path-info --json` would of a store that has them: a list with path, narSize (what is
installed, by the package's own word) and references.  With a release, its package lists are fetched into
the folder, those of its security updates with them, and each entry has updates: how often the package
was updated in that stable release, and updatesBefore: the same of the two releases before it, 0 where
there was no such package.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter

from debian_store import Archive, hash_part, strong_components

BEFORE = {"trixie": ["bullseye", "bookworm"]}
NUMBER = {"bullseye": 11, "bookworm": 12, "trixie": 13}


def mirror_of(label):
    """Where the machine's apt has that archive of Debian from."""
    wanted = ["Created-By: Packages", "Origin: Debian", f"Label: {label}"]
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted]
    mirrors = subprocess.run(targets, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    if not mirrors:
        sys.exit(f"apt knows no mirror of {label} here: run apt-get update")
    return mirrors[0]


def apt_of(release, lists, kind="deb"):
    """The environment of an apt of its own: the machine's mirrors and keys, and nothing else of it.

    Its kind is deb for packages, deb-src for their sources."""
    folder = os.path.abspath(os.path.join(lists, f"{release}-security" if kind == "deb" else f"{release}-sources"))
    config = os.path.join(folder, "apt.conf")
    environment = {**os.environ, "APT_CONFIG": config}
    if os.path.exists(config):
        return environment
    for each in ("state/lists/partial", "cache/archives/partial", "none"):
        os.makedirs(os.path.join(folder, each), exist_ok=True)
    places = {
        "Dir::State": "state",
        "Dir::State::status": "status",
        "Dir::Cache": "cache",
        "Dir::Etc::sourcelist": "sources.list",
        "Dir::Etc::sourceparts": "none",
        "Dir::Etc::preferencesparts": "none",
    }
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    suites = [(mirror_of("Debian"), release), (mirror_of("Debian-Security"), f"{release}-security")]
    files = {
        "status": "",
        "sources.list": "".join(f"{kind} [signed-by={keys}] {mirror} {suite} main\n" for mirror, suite in suites),
        "apt.conf.new": "".join(f'{key} "{folder}/{name}";\n' for key, name in places.items()),
    }
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    fresh = {**environment, "APT_CONFIG": f"{config}.new"}
    subprocess.run(["apt-get", "-qq", "update"], check=True, env=fresh, stdout=subprocess.DEVNULL)
    os.rename(f"{config}.new", config)
    return environment


def archive_of(release, lists):
    os.environ.update(apt_of(release, lists))
    archive = Archive()
    del os.environ["APT_CONFIG"]
    return archive


def updates(fields, release):
    """Debian numbers the updates of a stable release: 1.2-3+deb12u4 is the fourth."""
    found = re.search(rf"deb{NUMBER[release]}u(\d+)", fields["Version"])
    return int(found.group(1)) if found else 0


def updates_in(release, lists):
    """How often each source package was updated in a release."""
    counts = Counter()
    for fields in archive_of(release, lists).fields.values():
        counts[source(fields)] = max(counts[source(fields)], updates(fields, release))
    return counts


def source(fields):
    return fields.get("Source", fields["Package"]).split()[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    parser.add_argument("--release", choices=list(BEFORE))
    parser.add_argument("--lists", help="where the package lists of releases are kept")
    args = parser.parse_args()

    archive = archive_of(args.release, args.lists) if args.release else Archive()
    before = sum((updates_in(old, args.lists) for old in BEFORE.get(args.release, [])), Counter())
    graph, path_of, entries = archive.closure(args.packages), {}, []
    for members in strong_components(graph):
        name = re.sub(r"[^A-Za-z0-9+._?=-]", "-", f"{members[0]}-{archive.version(members[0])}")
        path = f"/nix/store/{hash_part(''.join(f'{m}={archive.version(m)};' for m in members))}-{name}"
        path_of.update({member: path for member in members})
        entry = {
            "path": path,
            "narSize": 1024 * sum(int(archive.fields[m].get("Installed-Size", 1)) for m in members),
            "references": sorted({path_of[d] for m in members for d in graph[m] if d not in members}),
        }
        if args.release:
            fields = [archive.fields[m] for m in members]
            entry["updates"] = max(updates(each, args.release) for each in fields)
            entry["updatesBefore"] = max(before[source(each)] for each in fields)
        entries.append(entry)
    json.dump(entries, sys.stdout)


if __name__ == "__main__":
    main()
