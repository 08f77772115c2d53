#!/usr/bin/env python3
"""The oracle: from a conf.json of nixpkgs' streamLayeredImage to the docker-archive that nixpkgs would print.

    reference_stream.py CONF [NAME:TAG]

It is as plain as can be, so that it can be believed: Python's own tarfile makes every header, and each
layer is made twice, once for its digest and once to be written. Byte for byte what nixpkgs' program prints.
"""

import hashlib
import io
import json
import os
import stat
import sys
import tarfile
from datetime import datetime, timezone


def moment(text):
    return datetime.now(tz=timezone.utc) if text == "now" else datetime.fromisoformat(text)


def walk(top):
    """The path and all below it, in the order of their components' code points; links are not followed."""
    yield top
    if os.path.isdir(top) and not os.path.islink(top):
        for name in sorted(os.listdir(top)):
            yield from walk(os.path.join(top, name))


def write_layer(sink, paths, owner, mtime):
    uid, gid, uname, gname = owner
    with tarfile.open(fileobj=sink, mode="w|") as tar:

        def add(info, body=None):
            info.uid, info.gid, info.uname, info.gname, info.mtime = uid, gid, uname, gname, mtime
            tar.addfile(info, body)

        # These two whatever the store's directory is.
        for folder in ("/nix", "/nix/store"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            add(info)
        for top in paths:
            for path in walk(top):
                found = os.lstat(path)
                info = tarfile.TarInfo(path)
                info.mode = stat.S_IMODE(found.st_mode)
                if stat.S_ISLNK(found.st_mode):
                    info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
                    add(info)
                elif stat.S_ISDIR(found.st_mode):
                    info.type = tarfile.DIRTYPE
                    add(info)
                else:
                    # A hard link is a file like any other: what shares an inode differs from store to store.
                    info.size = found.st_size
                    with open(path, "rb") as body:
                        add(info, body)


class Digest:
    def __init__(self):
        self.sha256, self.size = hashlib.sha256(), 0

    def write(self, data):
        self.sha256.update(data)
        self.size += len(data)


class Unclosed:
    """The inner archive's way out, so that its end is not the outer archive's."""

    def __init__(self, sink):
        self.write = sink.write


class Image:
    def __init__(self, tar):
        self.tar = tar
        self.layers = []  # (digest, member's name, what the history says of it)

    def add_base(self, archive):
        """Copies the base's layers as they are; its history and all of its configuration but Env are dropped."""
        with tarfile.open(archive) as base:
            manifest = json.load(base.extractfile("manifest.json"))[0]
            config = json.load(base.extractfile(manifest["Config"]))
            for name, diff_id in zip(manifest["Layers"], config["rootfs"]["diff_ids"]):
                member = base.getmember(name)
                # A layer may be a link to another; it is passed on as a link.
                self.tar.addfile(member, base.extractfile(member) if member.isreg() else None)
                self.layers.append((diff_id.split(":", 1)[1], name, [name]))
            return config["config"]

    def add_store_layer(self, paths, owner, mtime):
        digest = Digest()
        write_layer(digest, paths, owner, mtime)
        hexadecimal = digest.sha256.hexdigest()
        info = tarfile.TarInfo(f"{hexadecimal}/layer.tar")
        info.size, info.mtime = digest.size, mtime
        self.tar.addfile(info)
        write_layer(Unclosed(self.tar.fileobj), paths, owner, mtime)
        # tarfile pads inner archives to whole records, so no padding to whole blocks is needed here.
        self.tar.offset += digest.size
        self.layers.append((hexadecimal, info.name, paths))

    def add_customisation_layer(self, folder, mtime):
        with open(os.path.join(folder, "checksum"), encoding="ascii") as file:
            digest = file.read().strip()
        archive = os.path.join(folder, "layer.tar")
        info = self.tar.gettarinfo(archive)
        info.name, info.mtime = f"{digest}/layer.tar", mtime
        with open(archive, "rb") as body:
            self.tar.addfile(info, body)
        self.layers.append((digest, info.name, [folder]))

    def add_json(self, value, mtime, name=None):
        text = json.dumps(value, indent=4).encode()
        info = tarfile.TarInfo(name or hashlib.sha256(text).hexdigest() + ".json")
        info.size, info.mtime = len(text), mtime
        self.tar.addfile(info, io.BytesIO(text))
        return info.name


def merge_env(base, own):
    """A name that comes again keeps its first place and takes its last value."""
    return list({entry.split("=", 1)[0]: entry for entry in base + own}.values())


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        conf = json.load(file)
    tag = sys.argv[2] if len(sys.argv) > 2 else conf["repo_tag"]
    mtime = int(moment(conf["mtime"]).timestamp())
    created = moment(conf["created"]).isoformat()
    owner = (int(conf["uid"]), int(conf["gid"]), conf["uname"], conf["gname"])
    config = dict(conf["config"])

    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        image = Image(tar)
        if conf.get("from_image"):
            env = merge_env(image.add_base(conf["from_image"]).get("Env", []), config.get("Env", []))
            if env:
                config["Env"] = env
        for paths in conf["store_layers"]:
            image.add_store_layer(paths, owner, mtime)
        if conf.get("customisation_layer"):
            image.add_customisation_layer(conf["customisation_layer"], mtime)
        name = image.add_json(
            {
                "created": created,
                "architecture": conf["architecture"],
                "os": "linux",
                "config": config,
                "rootfs": {"diff_ids": [f"sha256:{digest}" for digest, _, _ in image.layers], "type": "layers"},
                "history": [{"created": created, "comment": f"store paths: {what}"} for _, _, what in image.layers],
            },
            mtime,
        )
        layers = [member for _, member, _ in image.layers]
        image.add_json([{"Config": name, "RepoTags": [tag], "Layers": layers}], mtime, "manifest.json")


if __name__ == "__main__":
    main()
