#!/usr/bin/env python3
"""Fill a Nix store with a real closure made from Debian packages.

Tests and benchmarks want closures with thousands of real files, symlinks, hard links and
modes, and a dependency graph that nobody made up, on machines that may reach a Debian mirror
but no Nix binary cache.  So every package in the dependency closure of the named ones becomes
a store path holding that package's files; its Depends and Pre-Depends become the path's
references.  Packages that depend on one another in a circle share one path, because
references between store paths have no circles.

    debian_store.py --store-dir DIR --debs DIR PACKAGE...

prints {"roots": [...], "paths": [...]}: the named packages' paths, and all, dependencies first.
NIX_STATE_DIR and its kin say where the store's database is, as they do for Nix.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import stat
import subprocess
import sys

BASE32 = "0123456789abcdfghijklmnpqrsvwxyz"


def hash_part(identity):
    """160 bits as Nix writes them: its own alphabet, most significant digit first."""
    number = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:20], "little")
    return "".join(BASE32[(number >> (5 * i)) & 31] for i in range(31, -1, -1))


class Archive:
    """What apt knows of the packages in the pools of its mirrors."""

    def __init__(self):
        self.fields, self.providers = {}, {}
        dump = subprocess.run(["apt-cache", "dumpavail"], check=True, stdout=subprocess.PIPE, text=True).stdout
        for stanza in dump.split("\n\n"):
            fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): (.*)$", stanza, re.M))
            if not fields.get("Filename", "").startswith("pool/"):
                continue
            name = fields["Package"]
            known = self.fields.get(name)
            if known and not is_newer(fields["Version"], known["Version"]):
                continue
            self.fields[name] = fields
            for alternatives in dependency_groups(fields.get("Provides", "")):
                self.providers.setdefault(alternatives[0], []).append(name)
        if not self.fields:
            sys.exit("apt knows no packages: run apt-get update")

    def dependencies(self, name):
        """Of each group of alternatives the first package that exists, or that provides what does not."""
        fields, chosen = self.fields[name], []
        for group in dependency_groups(fields.get("Pre-Depends", "")) + dependency_groups(fields.get("Depends", "")):
            real = [n for n in group if n in self.fields] or [p for n in group for p in self.providers.get(n, [])]
            if real and real[0] != name and real[0] not in chosen:
                chosen.append(real[0])
        return chosen

    def closure(self, roots):
        graph, todo = {}, list(roots)
        while todo:
            name = todo.pop(0)
            if name in graph:
                continue
            if name not in self.fields:
                sys.exit(f"apt knows no package named {name}")
            graph[name] = self.dependencies(name)
            todo += graph[name]
        return graph

    def version(self, name):
        return self.fields[name]["Version"]

    def deb(self, folder, name):
        version = self.version(name).replace(":", "%3a")
        return os.path.join(folder, f"{name}_{version}_{self.fields[name]['Architecture']}.deb")


def is_newer(version, other):
    return subprocess.run(["dpkg", "--compare-versions", version, "gt", other], check=False).returncode == 0


def dependency_groups(field):
    """A dependency field as a list of alternatives, each a list of package names without their conditions."""
    return [
        [re.sub(r"[\s(:\[].*", "", name.strip()) for name in group.split("|")]
        for group in field.split(",")
        if group.strip()
    ]


def strong_components(graph):
    """Tarjan's algorithm without recursion: sets of mutually dependent packages, dependencies first."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []

    def enter(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        return node, iter(graph[node])

    for root in graph:
        if root in index:
            continue
        work = [enter(root)]
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in index:
                    work.append(enter(successor))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    start = stack.index(node)
                    members = stack[start:]
                    del stack[start:]
                    on_stack.difference_update(members)
                    found.append(sorted(members))
    return found


def download(archive, names, folder):
    """One apt-get for many packages; once more after `apt-get update`, if the lists have grown old."""
    os.makedirs(folder, exist_ok=True)

    def fetch():
        missing = [n for n in names if not os.path.exists(archive.deb(folder, n))]
        for start in range(0, len(missing), 100):
            batch = [f"{n}={archive.version(n)}" for n in missing[start : start + 100]]
            done = subprocess.run(
                ["apt-get", "download", "-qq", *batch],
                check=False,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            if done.returncode != 0:
                return done.stderr
        return None

    error = fetch()
    if error and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=subprocess.DEVNULL)
        error = fetch()
    if error:
        sys.exit(f"apt-get download failed\n{error}")


def canonicalise(top):
    """What Nix does to every path it takes in: time stamp 1, mode 0444 or 0555, nothing special."""
    for folder, folders, files in os.walk(top, topdown=False):
        for entry in folders + files:
            path = os.path.join(folder, entry)
            info = os.lstat(path)
            if stat.S_ISLNK(info.st_mode):
                os.utime(path, (1, 1), follow_symlinks=False)
            elif stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode):
                executable = stat.S_ISDIR(info.st_mode) or info.st_mode & 0o111
                os.chmod(path, 0o555 if executable else 0o444)
                os.utime(path, (1, 1))
            else:
                os.unlink(path)
    os.chmod(top, 0o555)
    os.utime(top, (1, 1))


def unpack(debs, target):
    os.mkdir(target)
    for deb in debs:
        subprocess.run(["dpkg-deb", "-x", deb, target], check=True)
    canonicalise(target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    parser.add_argument("--store-dir", required=True)
    parser.add_argument("--debs", required=True, help="where downloaded packages are kept")
    args = parser.parse_args()

    archive = Archive()
    graph = archive.closure(args.packages)
    download(archive, graph, args.debs)

    path_of, contents, registration = {}, {}, []
    for members in strong_components(graph):
        label = members[0] if len(members) == 1 else f"{members[0]}-and-{len(members) - 1}-more"
        name = re.sub(r"[^A-Za-z0-9+._?=-]", "-", f"{label}-{archive.version(members[0])}")
        identity = args.store_dir + "".join(f"{m}={archive.version(m)};" for m in members)
        target = f"{args.store_dir}/{hash_part(identity)}-{name}"
        path_of.update({member: target for member in members})
        contents[target] = [archive.deb(args.debs, member) for member in members]
        references = sorted({path_of[d] for m in members for d in graph[m] if d not in members})
        registration.append("\n".join([target, "", str(len(references)), *references]) + "\n")

    os.makedirs(args.store_dir, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda item: unpack(item[1], item[0]), contents.items()):
            pass
    subprocess.run(["nix-store", "--register-validity"], input="".join(registration), text=True, check=True)
    json.dump({"roots": [path_of[p] for p in args.packages], "paths": list(contents)}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
