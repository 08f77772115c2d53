#!/usr/bin/env python3
"""What a Debian source package is built with, and that in turn, in stages as nixpkgs has them.

    debian_sources.py --release RELEASE --lists DIR SOURCE

prints a list of packages, each after those it is built with: name, version, the files of its source (name, url, sha256),
and the names of its tools and inputs.  They are the sources of all that is installed where Debian builds the wanted one.
A package is built with its Build-Depends, less those of some architectures or build profiles only, and with what its own
packages depend on, which nixpkgs propagates.

Debian builds its packages with one another in circles.  Here stdenv (all that is essential or build-essential) comes
first, built with bootstrap-tools; then curl, which fetches the sources of the rest.  What is needed for one of these is
built without what comes later; and where circles remain, a walk depth first leaves out what is still being visited.
"""

import argparse
import json
import os
import re
import subprocess
import sys

from debian_graph import NUMBER, apt_of, archive_of, source

BUILD = ("Build-Depends", "Build-Depends-Arch", "Build-Depends-Indep")
# Of each stage.
TOOLS = (["bootstrap-tools"], ["stdenv"], ["stdenv", "curl"])


def sources_of(release, lists):
    """The fields of each source package, those with more lines than one included."""
    env = apt_of(release, lists, "deb-src")
    targets = ["apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Sources"]
    files = subprocess.run(targets, check=True, env=env, stdout=subprocess.PIPE, text=True).stdout.split()
    cat = ["/usr/lib/apt/apt-helper", "cat-file", *files]
    index = subprocess.run(cat, check=True, env=env, stdout=subprocess.PIPE, text=True).stdout
    stanzas = (dict(re.findall(r"^([A-Z][A-Za-z0-9-]*): ?(.*(?:\n .*)*)", each, re.M)) for each in index.split("\n\n"))
    return {each["Package"]: each for each in stanzas if each and "Extra-Source-Only" not in each}


def files(fields):
    """Without what only describes or signs the others."""
    found = re.findall(r"^ ([0-9a-f]{64}) \d+ (\S+)$", fields["Checksums-Sha256"], re.M)
    place = f"mirror://debian/{fields['Directory']}"
    return [
        {"name": name, "url": f"{place}/{name}", "sha256": sha256}
        for sha256, name in found
        if not name.endswith((".dsc", ".asc"))
    ]


def add_builds(archive, sources):
    """As apt does: a package without files for each source, which depends on what that is built with."""
    for name, fields in sources.items():
        needs = ", ".join(fields[each].replace("\n", "") for each in BUILD if each in fields)
        unconditional = re.sub(r"[^,|]*[\[<][^,|]*", "", needs)
        archive.fields[f"builddeps:{name}"] = {"Package": name, "Depends": unconditional}
    essential = [name for name, fields in archive.fields.items() if fields.get("Essential") == "yes"]
    archive.fields["stdenv"] = {"Package": "stdenv", "Depends": ", ".join([*essential, "build-essential"])}


def staged(archive, wanted):
    """The inputs of each source package, which come before it, and the tools of its stage."""
    stage, needs, built, entered = {}, {}, {}, set()
    for number, root in enumerate(["stdenv", "curl", f"builddeps:{wanted}"]):
        for name, depends in archive.closure([root]).items():
            of = source(archive.fields[name])
            stage.setdefault(of, number)
            if of not in needs:
                needs[of] = [] if of == "stdenv" else archive.dependencies(f"builddeps:{of}")
            needs[of] += depends

    def visit(name):
        entered.add(name)
        sources = {source(archive.fields[each]) for each in needs[name]}
        inputs = sorted(each for each in sources if stage.get(each, len(TOOLS)) <= stage[name])
        for each in inputs:
            if each not in entered:
                visit(each)
        built[name] = {"tools": TOOLS[stage[name]], "inputs": [each for each in inputs if each in built]}

    for name in ("stdenv", "curl", wanted):
        visit(name)
    return built


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wanted", metavar="SOURCE")
    parser.add_argument("--release", required=True, choices=list(NUMBER))
    parser.add_argument("--lists", required=True, help="where the package lists of releases are kept")
    args = parser.parse_args()

    sources = sources_of(args.release, args.lists)
    archive = archive_of(args.release, args.lists)
    add_builds(archive, sources)
    packages = [
        {
            "name": name,
            "version": sources[name]["Version"] if name in sources else "linux",
            "files": files(sources[name]) if name in sources else [],
            **built,
        }
        for name, built in staged(archive, args.wanted).items()
    ]
    json.dump(packages, sys.stdout)


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main()
