import { createHash } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DebianClosure, debianClosure, largePackages, smallPackages } from "../support/debianStore.js";
import { startNixStore } from "../support/nixStore.js";
import { referenceDigest, referenceStream } from "../support/oracle.js";
import { describeWith, testWith } from "../support/requirements.js";
import { laminix, mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { writeOddTree } from "../tar/oddTree.js";

/** A `conf.json` of nixpkgs' streamLayeredImage; `config` is text, so that it can be what no JavaScript value is. */
interface Conf {
  readonly store_dir: string;
  readonly store_layers: readonly (readonly string[])[];
  readonly config?: string;
  readonly architecture?: string;
  readonly from_image?: string | null;
  readonly customisation_layer?: string;
  readonly repo_tag?: string;
  readonly created?: string;
  readonly mtime?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly uname?: string;
  readonly gname?: string;
}

const usual = {
  architecture: "amd64",
  from_image: null,
  repo_tag: "image:1.0",
  created: "1970-01-01T00:00:01+00:00",
  mtime: "1970-01-01T00:00:01+00:00",
  uid: "0",
  gid: "0",
  uname: "root",
  gname: "root",
};

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("bytes");
});
afterAll(() => folder[Symbol.asyncDispose]());

let confs = 0;
function confFile({ config = "{}", ...conf }: Conf): string {
  const file = folder.join(`conf-${confs++}.json`);
  const text = JSON.stringify({ os: "linux", ...usual, ...conf }, null, 2);
  writeFileSync(file, `${text.slice(0, -2)},\n  "config": ${config}\n}\n`);
  return file;
}

/** No daemon, and a cache that no other test has written to. */
const alone = (): Record<string, string> => ({
  NIX_REMOTE: `unix://${folder.join("no-daemon")}`,
  LAMINIX_CACHE_DIR: folder.join("cache"),
});

async function streamConf(
  conf: string,
  env: Readonly<Record<string, string | undefined>> = alone(),
  args: readonly string[] = [],
): Promise<Buffer> {
  const result = await laminix(["stream-conf", conf, "--quiet", ...args], { env, timeout: 120_000 });
  expect(result).toMatchObject({ code: 0, stderr: "" });
  return result.stdout;
}

/** Asserts that the command prints what nixpkgs would. Both are long, so what differs is told by place. */
async function expectNixpkgs(conf: Conf, env = alone()): Promise<void> {
  const file = confFile(conf);
  const [ours, theirs] = [await streamConf(file, env), await referenceStream(file)];
  if (ours.equals(theirs)) return;
  const at = ours.findIndex((byte, i) => byte !== theirs[i]);
  const around = (bytes: Buffer): string =>
    bytes.subarray(Math.max(0, at - 200), at + 200).toString("latin1");
  expect({ at, length: ours.length, around: around(ours) }).toEqual({
    at,
    length: theirs.length,
    around: around(theirs),
  });
}

const HASH = "0123456789abcdfghijklmnpqrsvwxyz";

/** A store path of its own, in a folder that no daemon knows. */
let trees = 0;
function tree(write: (place: string) => void): { readonly store: string; readonly path: string } {
  const store = folder.join(`${trees++}/nix/store`);
  mkdirSync(store, { recursive: true });
  const path = `${store}/${HASH}-tree`;
  write(path);
  return { store, path };
}

/** Asserts it for an image of one store path. */
async function expectNixpkgsFor(write: (place: string) => void, conf: Partial<Conf> = {}): Promise<void> {
  const { store, path } = tree(write);
  await expectNixpkgs({ store_dir: store, store_layers: [[path]], ...conf });
}

const writeSmallTree = (place: string): void => {
  mkdirSync(`${place}/bin`, { recursive: true });
  writeFileSync(`${place}/bin/hello`, "#!/bin/sh\n", { mode: 0o555 });
};

describeWith(["python3"], "stream-conf prints the bytes of nixpkgs for a store path", () => {
  test("with long, non-ASCII, astral and undecodable names, newlines, hard links and empty folders", async () => {
    await expectNixpkgsFor(writeOddTree);
  });

  test("that is a file", async () => {
    await expectNixpkgsFor((place) => writeFileSync(place, "text", { mode: 0o444 }));
    await expectNixpkgsFor((place) => writeFileSync(place, "", { mode: 0o555 }));
  });

  test("that is a symbolic link, to a folder too", async () => {
    await expectNixpkgsFor((place) => symlinkSync("/nix/store/elsewhere", place));
    await expectNixpkgsFor((place) => {
      mkdirSync(`${place}-target/inside`, { recursive: true });
      symlinkSync(`${place}-target`, place);
    });
  });

  test("that is an empty folder", async () => {
    await expectNixpkgsFor((place) => mkdirSync(place, { mode: 0o555 }));
  });

  test("with names whose length is near what a header holds", async () => {
    await expectNixpkgsFor((place) => {
      mkdirSync(place);
      // The longest name in the archive is as long as the path to here and this many characters.
      for (let length = 1; length < 130; length++) {
        writeFileSync(`${place}/${"f".repeat(length)}`, "");
        mkdirSync(`${place}/${"d".repeat(length)}`);
        symlinkSync("t".repeat(length), `${place}/${"l".repeat(length)}`);
      }
    });
  });

  test("with modes of every kind", async () => {
    await expectNixpkgsFor((place) => {
      mkdirSync(place);
      for (const mode of [0o000, 0o400, 0o644, 0o755, 0o4755, 0o2755, 0o1777, 0o7777]) {
        writeFileSync(`${place}/file${mode}`, "");
        chmodSync(`${place}/file${mode}`, mode);
        mkdirSync(`${place}/folder${mode}`);
        chmodSync(`${place}/folder${mode}`, mode);
      }
    });
  });

  test("with files larger than the pieces that are read", async () => {
    await expectNixpkgsFor((place) => {
      mkdirSync(place);
      for (const size of [(1 << 20) - 1024, (1 << 20) - 512, 1 << 20, (1 << 20) + 1, 7 << 20]) {
        writeFileSync(
          `${place}/file${size}`,
          createHash("sha512")
            .update(String(size))
            .digest()
            .toString("hex")
            .repeat(size / 128),
        );
      }
    });
  });

  test("owned by numbers over 8^7, and by names that are long or not ASCII", async () => {
    const ids = { uid: "2097152", gid: "4294967294" };
    await expectNixpkgsFor(writeOddTree, ids);
    await expectNixpkgsFor(writeSmallTree, { ...ids, uname: "jürgen", gname: "g".repeat(33) });
    await expectNixpkgsFor(writeSmallTree, { uid: "1000", gid: "2097151", uname: "", gname: "g".repeat(32) });
  });

  test.each([
    "1970-01-01T00:00:00+00:00",
    "1969-12-31T23:59:58+00:00",
    "2038-01-19T03:14:08+00:00",
    "2106-02-07T06:28:16+00:00",
    "2242-03-16T12:56:32+00:00",
    "9999-12-31T23:59:59+00:00",
    "2020-05-17T10:20:30.75+02:00",
  ])("changed at %s", async (mtime) => {
    await expectNixpkgsFor(writeSmallTree, { mtime, created: mtime });
  });
});

describeWith(["python3"], "stream-conf prints the bytes of nixpkgs for an image", () => {
  test("without any layers", async () => {
    await expectNixpkgs({ store_dir: "/nix/store", store_layers: [] });
  });

  test("whose layers are many, some of them alike or empty", async () => {
    const { store, path } = tree(writeSmallTree);
    const paths = Array.from({ length: 30 }, (_, i) => `${path}${i}`);
    for (const [i, each] of paths.entries()) writeFileSync(each, "x".repeat(i * 1000));
    const half = paths.slice(0, 15).map((each) => [each]);
    await expectNixpkgs({ store_dir: store, store_layers: [...half, [], paths.slice(15), ...half, [path]] });
  });

  test("whose store paths have quotes in the names of their store", async () => {
    const store = folder.join('it\'s a "store"');
    mkdirSync(store);
    writeFileSync(`${store}/${HASH}-file`, "");
    await expectNixpkgs({ store_dir: store, store_layers: [[`${store}/${HASH}-file`]] });
  });

  test("whose configuration is hard on JSON", async () => {
    const config = `{
      "10": 1, "9": 2, "Cmd": ["/bin/sh", "-c", "echo \\"Grüße\\" 🎉 \\u0000 \\ud83c\\udf89 \\/ </script>"],
      "float": [1.0, -0.0, 0.1, 1e5, 1E400, 1e-7, 1e16, 123456789.125],
      "integers": [0, -0, 9007199254740993, -18446744073709551616, 1${"0".repeat(300)}],
      "__proto__": {"polluted": true}, "constructor": null, "": {"": []},
      "twice": 1, "other": {}, "twice": 2, "ключ": "значение", "\\ud800": "alone",
      "Labels": {"b": "2", "a": "1"}, "Volumes": {"/data": {}}, "ExposedPorts": {"80/tcp": {}}
    }`;
    await expectNixpkgsFor(writeSmallTree, { config });
  });

  test("whose environment is empty, odd, or names a variable twice without any base", async () => {
    for (const env of ["[]", '["A=1","B=2","A=3"]', '["=x","NAME","A==b="]']) {
      await expectNixpkgsFor(writeSmallTree, { config: `{"Env": ${env}}` });
    }
  });

  test("with other times, architectures and names", async () => {
    await expectNixpkgsFor(writeSmallTree, {
      architecture: "arm64",
      created: "2024-02-29T12:00:00.123456-05:30",
      repo_tag: "registry.example:5000/grüße/image:tag",
    });
  });

  test("with another name on the command line", async () => {
    const { store, path } = tree(writeSmallTree);
    const conf = { store_dir: store, store_layers: [[path]] };
    const renamed = await referenceStream(confFile({ ...conf, repo_tag: "other/name:2" }));
    for (const args of [
      ["-t", "other/name:2"],
      ["--repo_tag", "other/name:2"],
      ["--repo_tag=other/name:2"],
    ]) {
      expect((await streamConf(confFile(conf), alone(), args)).equals(renamed)).toBe(true);
    }
  });

  test("with a layer of its own making", async () => {
    const { store, path } = tree(writeSmallTree);
    await expectNixpkgs({
      store_dir: store,
      store_layers: [[path]],
      customisation_layer: await customisationLayer(),
    });
    await expectNixpkgs({
      store_dir: store,
      store_layers: [],
      customisation_layer: await customisationLayer(),
    });
  });

  testWith(["root"], "with a layer of its own making that belongs to anyone", async () => {
    for (const [uid, gid, mode] of [
      [65534, 65534, 0o444],
      [12345, 54321, 0o640],
      [3_000_000, 8 ** 7, 0o4755],
    ] as const) {
      const layer = await customisationLayer();
      chownSync(`${layer}/layer.tar`, uid, gid);
      chmodSync(`${layer}/layer.tar`, mode);
      await expectNixpkgs({ store_dir: "/nix/store", store_layers: [], customisation_layer: layer });
    }
  });
});

/** The folder that Nix builds of the contents: GNU tar's archive, and its digest. */
async function customisationLayer(): Promise<string> {
  const place = folder.join(`${trees++}-customisation`);
  mkdirSync(`${place}/root/bin`, { recursive: true });
  symlinkSync("/nix/store/somewhere/bin/hello", `${place}/root/bin/hello`);
  writeFileSync(`${place}/root/${"long".repeat(40)}`, "long");
  const tar = [
    "--sort=name",
    "--numeric-owner",
    "--mtime=@315532800",
    "--hard-dereference",
    "-cf",
    "layer.tar",
  ];
  await mustRun("tar", [...tar, "-C", "root", "."], { cwd: place });
  const digest = createHash("sha256")
    .update(readFileSync(`${place}/layer.tar`))
    .digest("hex");
  writeFileSync(`${place}/checksum`, `${digest}\n`);
  return place;
}

/** Writes a docker-archive by a Python script's hand, and answers where it is. */
async function baseImage(script: string, config: unknown = { Env: ["PATH=/bin"] }): Promise<string> {
  const file = folder.join(`${trees++}-base.tar`);
  const lines = `
import hashlib, io, json, sys, tarfile
file, config = sys.argv[1], json.loads(sys.argv[2])

def layer(text):
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as tar:
        info = tarfile.TarInfo("file")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return body.getvalue()

class Base:
    def __init__(self, format):
        self.tar = tarfile.open(file, "w", format=format)
        self.layers = []

    def add(self, name, body, **fields):
        info = tarfile.TarInfo(name)
        info.size = len(body)
        for key, value in fields.items():
            setattr(info, key, value)
        self.tar.addfile(info, io.BytesIO(body) if info.isreg() else None)
        return hashlib.sha256(body).hexdigest()

    def add_layer(self, name, body, **fields):
        self.layers.append((name, self.add(name, body, **fields)))

    def close(self):
        diff_ids = ["sha256:" + digest for _, digest in self.layers]
        text = json.dumps({"config": config, "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
        self.add("config.json", text)
        manifest = [{"Config": "config.json", "RepoTags": ["base:1"], "Layers": [name for name, _ in self.layers]}]
        self.add("manifest.json", json.dumps(manifest).encode())
        self.tar.close()
${script}
base.close()
`;
  await mustRun("python3", ["-c", lines, file, JSON.stringify(config)]);
  return file;
}

const plainBase = `
base = Base(tarfile.GNU_FORMAT)
base.add_layer("one/layer.tar", layer(b"one"), mtime=1000)
base.add_layer("two/layer.tar", layer(b"two" * 5000), mode=0o600)
`;

async function expectNixpkgsOn(base: string, conf: Partial<Conf> = {}): Promise<void> {
  await expectNixpkgsFor(writeSmallTree, { from_image: base, ...conf });
}

describeWith(["python3"], "stream-conf prints the bytes of nixpkgs on a base image", () => {
  test("whose layers are plain files", async () => {
    await expectNixpkgsOn(await baseImage(plainBase));
  });

  test("that is compressed with gzip", async () => {
    const base = await baseImage(plainBase);
    writeFileSync(`${base}.gz`, gzipSync(readFileSync(base)));
    await expectNixpkgsOn(`${base}.gz`);
  });

  test("whose members have owners by GNU tar's base 256, odd modes and GNU long names", async () => {
    await expectNixpkgsOn(
      await baseImage(`
base = Base(tarfile.GNU_FORMAT)
base.add_layer("a.tar", layer(b"a"), uid=8**7, gid=2**40, uname="u" * 32, gname="g", mode=0o7777, mtime=8**11)
base.add_layer("b.tar", layer(b"b"), uid=5, gid=8**7 - 1, mode=0, mtime=-1, uname="jürgen")
base.add_layer("long/" + "n" * 120 + "/layer.tar", layer(b"c"), mtime=2**32)
base.add_layer("ünïcode/🎉.tar", layer(b"d"))
`),
    );
  });

  test("whose members have PAX records: owners, names, fractions of seconds, and some of their own", async () => {
    await expectNixpkgsOn(
      await baseImage(`
base = Base(tarfile.PAX_FORMAT)
base.add_layer("a.tar", layer(b"a"), uid=8**7, gid=8**8, uname="u" * 40, gname="größe" * 10)
base.add_layer("b.tar", layer(b"b"), mtime=1234567890.5)
base.add_layer("c.tar", layer(b"c"), mtime=1234567891.5)
base.add_layer("d.tar", layer(b"d"), mtime=0.999999)
base.add_layer("e.tar", layer(b"e"), mtime=8**11 + 0.25)
base.add_layer("f.tar", layer(b"f"), mtime=-0.5)
base.add_layer("g" * 150 + ".tar", layer(b"g"), pax_headers={"SCHILY.xattr.user.note": "é", "comment": "kept"})
base.add_layer("日本語.tar", layer(b"h"), pax_headers={"mtime": "77.000000000", "atime": "5.5", "ctime": "6"})
`),
    );
  });

  test("whose members' names are split as ustar splits them", async () => {
    await expectNixpkgsOn(
      await baseImage(`
base = Base(tarfile.USTAR_FORMAT)
base.add_layer("p" * 90 + "/" + "n" * 90, layer(b"a"), uid=1000, uname="user")
`),
    );
  });

  test("that stores a layer as a link to another, symbolic or hard", async () => {
    await expectNixpkgsOn(
      await baseImage(`
base = Base(tarfile.PAX_FORMAT)
base.add_layer("one/layer.tar", layer(b"one"))
base.add("two/layer.tar", b"", type=tarfile.SYMTYPE, linkname="../one/layer.tar", mode=0o777)
base.add("three/layer.tar", b"", type=tarfile.LNKTYPE, linkname="one/layer.tar")
base.layers += [("two/layer.tar", base.layers[0][1]), ("three/layer.tar", base.layers[0][1])]
`),
    );
  });

  test("that has the same layer twice, and members that are no layers", async () => {
    await expectNixpkgsOn(
      await baseImage(`
base = Base(tarfile.GNU_FORMAT)
base.add("folder/", b"", type=tarfile.DIRTYPE, mode=0o755)
base.add("folder/VERSION", b"1.0")
base.add_layer("one/layer.tar", layer(b"one"))
base.layers.append(base.layers[0])
base.add("repositories", b"{}")
`),
    );
  });

  test("whose environment it adds to: each name once, the last value at the first's place", async () => {
    const env = ["PATH=/bin", "A=1", "PATH=/sbin", "EMPTY=", "NOTHING", "A.B=1"];
    for (const own of ['["A=2","NEW=x=y","PATH=/own","NEW=z"]', "[]", null]) {
      const config = own === null ? '{"User": "me"}' : `{"Cmd": ["x"], "Env": ${own}, "User": "me"}`;
      for (const base of [{ Env: env, Cmd: ["lost"] }, { Env: [] }, {}])
        await expectNixpkgsOn(await baseImage(plainBase, base), { config });
    }
  });

  test("and the archive is again one that it can be built upon", async () => {
    const first = folder.join("first.tar");
    const { store, path } = tree(writeSmallTree);
    const conf = { store_dir: store, store_layers: [[path]], config: '{"Env": ["A=1"]}' };
    writeFileSync(first, await streamConf(confFile(conf)));
    await expectNixpkgsOn(first, { config: '{"Env": ["A=2"]}' });
  });
});

const debian = ["nix-daemon", "nix-store", "python3", "apt-get", "dpkg-deb"];

/** Some layers of a path each, the rest in a few. */
function confOf(closure: DebianClosure): Conf {
  const { paths, storeDir } = closure;
  const singles = paths.slice(0, 20).map((path) => [path]);
  const rest = paths.slice(20);
  const half = Math.ceil(rest.length / 2);
  const config = JSON.stringify({ Cmd: [`${closure.roots[0]!}/bin/program`], Env: ["LANG=C.UTF-8"] });
  return { store_dir: storeDir, store_layers: [...singles, rest.slice(0, half), rest.slice(half)], config };
}

describeWith(debian, "stream-conf prints the bytes of nixpkgs for real packages", () => {
  test("with the daemon, cold and warm, and without any", async () => {
    const closure = await debianClosure(smallPackages);
    await using store = await startNixStore({ at: closure.root });
    const conf = confFile(confOf(closure));
    const theirs = await referenceDigest(conf);
    const withDaemon = { ...store.env, LAMINIX_CACHE_DIR: folder.join("cache-with-daemon") };
    for (const env of [alone(), withDaemon, withDaemon]) {
      const ours = await streamConf(conf, env);
      expect({ sha256: createHash("sha256").update(ours).digest("hex"), size: ours.length }).toEqual(theirs);
    }
    const cache = await laminix(["cache", "--json"], { env: withDaemon });
    expect(JSON.parse(cache.stdout.toString())).toMatchObject({
      entries: confOf(closure).store_layers.length,
    });
  });

  test("of which there are hundreds", async () => {
    const closure = await debianClosure(largePackages);
    const conf = confFile(confOf(closure));
    expect(closure.paths.length).toBeGreaterThan(300);
    const hash = createHash("sha256");
    let size = 0;
    const ours = await laminix(["stream-conf", conf, "--quiet"], {
      env: alone(),
      timeout: 110_000,
      onStdout: (piece) => {
        hash.update(piece);
        size += piece.length;
      },
    });
    expect(ours).toMatchObject({ code: 0, stderr: "" });
    expect({ sha256: hash.digest("hex"), size }).toEqual(await referenceDigest(conf));
  });
});
