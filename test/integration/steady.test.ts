import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DebianClosure, debianClosure, smallPackages } from "../support/debianStore.js";
import { node24Path } from "../support/otherNodes.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { laminix, type LaminixOptions } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { writeOddTree } from "../tar/oddTree.js";

interface Digest {
  readonly sha256: string;
  readonly size: number;
}

/** Runs the command line, and answers what its output hashes to. */
async function digestOf(args: readonly string[], options: LaminixOptions): Promise<Digest> {
  const hash = createHash("sha256");
  let size = 0;
  const onStdout = (piece: Buffer): void => {
    hash.update(piece);
    size += piece.length;
  };
  const { code, stderr } = await laminix([...args, "--quiet"], { ...options, onStdout });
  expect([code, stderr]).toEqual([0, ""]);
  return { sha256: hash.digest("hex"), size };
}

let folder: TemporaryFolder;
let closure: DebianClosure;
let debian: NixStore;
let own: NixStore;
/** Commands whose output must be the same whatever they run on, each with the store that it needs. */
let commands: readonly { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> }[];

let caches = 0;
const coldCache = (): string => folder.join(`cache${caches++}`);

async function digests(
  cache: string,
  args: readonly string[] = [],
  options: LaminixOptions = {},
): Promise<Digest[]> {
  const all: Digest[] = [];
  for (const { args: command, env } of commands) {
    all.push(
      await digestOf([...command, ...args], { ...options, env: { ...env, LAMINIX_CACHE_DIR: cache } }),
    );
  }
  return all;
}

describeWith(
  ["nix-daemon", "nix-store", "python3", "apt-get", "dpkg-deb"],
  "the same input gives the same bytes",
  () => {
    let first: Digest[];
    const warm = (): string => folder.join("warm");

    beforeAll(async () => {
      folder = await temporaryFolder("steady");
      closure = await debianClosure(smallPackages);
      debian = await startNixStore({ at: closure.root });
      own = await startNixStore();
      const odd = await own.addTree("odd", writeOddTree);
      const large = await own.addTree("large", (place) => {
        mkdirSync(place);
        // Some larger than the pieces that are read, together larger than what is kept in memory.
        for (let i = 0; i < 40; i++)
          writeFileSync(`${place}/file${i}`, Buffer.alloc((1 << 20) - 700 + i * 50, String(i)));
      });
      const conf = folder.join("conf.json");
      const time = "1970-01-01T00:00:01+00:00";
      writeFileSync(
        conf,
        JSON.stringify({
          ...{
            architecture: "amd64",
            os: "linux",
            config: { Env: ["A=1"] },
            repo_tag: "image:1",
            created: time,
            mtime: time,
          },
          ...{ uid: "0", gid: "0", uname: "root", gname: "root", from_image: null, store_dir: own.storeDir },
          store_layers: [[odd], [large], [odd, large]],
        }),
      );
      commands = [
        { args: ["stream", ...closure.roots, "--cmd", "/bin/bash"], env: debian.env },
        { args: ["stream", odd, large, "--max-layers", "2"], env: own.env },
        { args: ["stream-conf", conf], env: own.env },
      ];
      first = await digests(warm());
      expect(new Set(first.map(({ sha256 }) => sha256)).size).toBe(commands.length);
    });
    afterAll(async () => {
      await debian[Symbol.asyncDispose]();
      await own[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    test("when asked again, with an empty cache", async () => {
      expect(await digests(coldCache())).toEqual(first);
    });

    test("from a cache that knows every layer", async () => {
      expect(await digests(warm())).toEqual(first);
    });

    test("from a cache that lost every other layer, and one whose entries were damaged", async () => {
      const cache = coldCache();
      await digests(cache);
      const entries = readdirSync(`${cache}/digests`).flatMap((part) =>
        readdirSync(`${cache}/digests/${part}`).map((name) => `${cache}/digests/${part}/${name}`),
      );
      expect(entries.length).toBeGreaterThan(5);
      for (const [i, file] of entries.entries())
        if (i % 2 === 0) writeFileSync(file, readFileSync(file).subarray(1));
      expect(await digests(cache)).toEqual(first);
    });

    test.each([1, 8])("with %i threads, with an empty cache and with a full one", async (jobs) => {
      expect(await digests(coldCache(), ["--jobs", String(jobs)])).toEqual(first);
      expect(await digests(warm(), ["--jobs", String(jobs)])).toEqual(first);
    });

    testWith(
      ["node24"],
      "from another version of Node, with an empty cache and with this one's",
      async () => {
        const options = { node: node24Path() };
        expect(await digests(coldCache(), [], options)).toEqual(first);
        expect(await digests(warm(), [], options)).toEqual(first);
      },
    );

    test("in whatever language, time zone and folder", async () => {
      const { args, env } = commands[1]!;
      for (const [locale, zone] of [
        ["C", "UTC"],
        ["tr_TR.UTF-8", "Asia/Kathmandu"],
      ] as const) {
        const settings = { LC_ALL: locale, LANG: locale, TZ: zone, LAMINIX_CACHE_DIR: coldCache() };
        expect(await digestOf(args, { env: { ...env, ...settings }, cwd: folder.path })).toEqual(first[1]);
      }
    });

    test("in a file as on standard output", async () => {
      for (const [i, { args, env }] of commands.slice(0, 2).entries()) {
        const file = folder.join(`image${i}.tar`);
        const flags = ["-o", file, "--compress", "none", "--quiet"];
        const built = await laminix(["build", ...args.slice(1), ...flags], {
          env: { ...env, LAMINIX_CACHE_DIR: coldCache() },
        });
        expect(built).toMatchObject({ code: 0, stderr: "" });
        const bytes = readFileSync(file);
        expect({ sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length }).toEqual(
          first[i],
        );
      }
    });

    test("from three processes at once that share an empty cache", async () => {
      const cache = coldCache();
      const all = await Promise.all(Array.from({ length: 3 }, () => digests(cache)));
      expect(all).toEqual([first, first, first]);
    });
  },
);
