import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import nodePath from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  BinaryCacheStore,
  type BinaryCacheOptions,
  type Closure,
  NixStore,
  openBinaryCache,
  type PathInfo,
} from "../../dist/index.js";
import { parseCacheUrl } from "../../dist/store/binaryCache/cacheUrl.js";
import {
  cacheRoom,
  copyTo,
  editNarInfo,
  makeKey,
  narFile,
  narInfoFile,
  type TestCache,
} from "../support/binaryCache.js";
import { bytesOf } from "../support/members.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { temporaryFolder } from "../support/temporary.js";

const needed = ["nix-daemon", "nix-store", "nix", "xz", "zstd", "bzip2", "linux"];

describeWith(needed, "a binary cache in a folder", () => {
  let daemon: TestStore;
  let room: TestCache;
  let cache: string;
  let library: string;
  let app: string;
  let built: string;

  /** Trusts what the test's key signs. */
  const open = (folder: string, options: BinaryCacheOptions = {}): BinaryCacheStore =>
    new BinaryCacheStore(`file://${folder}`, { trustedPublicKeys: [room.key.public], ...options });

  const questions = (store: BinaryCacheStore, options = {}): readonly (() => Promise<unknown>)[] => [
    () => store.pathInfo(app, options),
    () => store.closure(app, options),
    () => bytesOf(store.nar(app, options)),
  ];

  let copies = 0;
  /** A copy of the cache, to be damaged. */
  const copy = (): string => {
    const folder = room.folder.join(`copy-${String(copies++)}`);
    cpSync(cache, folder, { recursive: true });
    return folder;
  };

  const dumped = async (path: string): Promise<Buffer> =>
    (await daemon.run("nix-store", ["--dump", daemon.realPath(path)])).stdout;

  beforeAll(async () => {
    room = await cacheRoom();
    daemon = await startNixStore();
    library = await daemon.addTree("library", (place) => {
      mkdirSync(`${place}/lib`, { recursive: true });
      writeFileSync(`${place}/lib/library`, new Random(1).bytes(3 << 20));
    });
    const loop = daemon.pathFor("loop");
    await daemon.addTextFile("loop", `it refers to ${loop}`, [library, loop]);
    app = await daemon.addTree("app", (place) => writeFileSync(place, `#!${loop} ${library}`), {
      references: [loop, library],
    });
    const expression = `derivation {
      name = "built"; system = builtins.currentSystem; builder = "/bin/sh";
      args = [ "-c" "echo \${builtins.toFile "text" "some text"} $out > $out" ];
    }`;
    const { stdout } = await daemon.run("nix-build", ["--no-out-link", "--expr", expression]);
    built = stdout.toString().trim();
    cache = room.folder.join("cache");
    await copyTo(cache, daemon, [app, built], { "secret-key": room.key.secret });
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await room[Symbol.asyncDispose]();
  });

  /** Sets are compared as sets. When and how a path came into a store is not told by caches. */
  const comparable = ({ signatures: _, ...info }: PathInfo): unknown => ({
    ...info,
    references: info.references.toSorted(),
    registrationTime: 0,
    ultimate: false,
  });

  function expectDependenciesFirst(closure: Closure): void {
    const seen = new Set<string>();
    for (const { path, references } of closure) {
      expect(references.filter((each) => each !== path && !seen.has(each))).toEqual([]);
      seen.add(path);
    }
  }

  test("has the closure that the store has that it was copied from", async () => {
    await using store = open(cache);
    await using original = new NixStore(daemon.uri);
    const [closure, expected] = [await store.closure([app, built]), await original.closure([app, built])];
    expect([...closure].map(comparable).sort(byPath)).toEqual([...expected].map(comparable).sort(byPath));
    expectDependenciesFirst(closure);
    const { stdout } = await daemon.run("nix-store", ["-qR", app]);
    expect([...(await store.closure(`${app}/bin`)).paths].sort()).toEqual(
      stdout.toString().trim().split("\n").sort(),
    );
    expect(
      [...closure].every(({ signatures }) => signatures.some((each) => each.startsWith("test-1:"))),
    ).toBe(true);
    expect(await store.storeDir()).toBe(daemon.storeDir);
    expect(closure.get(built)?.deriver).toMatch(/-built\.drv$/);
  });
  const byPath = (one: unknown, other: unknown): number =>
    (one as PathInfo).path < (other as PathInfo).path ? -1 : 1;

  test("answers single questions as a store does", async () => {
    await using store = open(cache);
    const none = `${daemon.storeDir}/${"0".repeat(32)}-none`;
    const otherName = `${app}-of-another-name`;
    expect(await store.pathInfo(library)).toMatchObject({ path: library, references: [] });
    expect(await store.pathInfo(none)).toBeUndefined();
    expect(await store.pathInfo(otherName)).toBeUndefined();
    expect([await store.isValidPath(app), await store.isValidPath(none)]).toEqual([true, false]);
    const hash = nodePath.basename(app).slice(0, 32);
    expect(await store.pathFromHashPart(hash)).toBe(app);
    expect(await store.pathFromHashPart("0".repeat(32))).toBeUndefined();
    expect(await store.cacheInfo()).toEqual({
      storeDir: daemon.storeDir,
      wantMassQuery: false,
      priority: 50,
    });
    await expect(store.pathFromHashPart("short")).rejects.toMatchObject({ code: "ERR_STORE_PATH" });
    await expect(store.pathInfo("/elsewhere/store/x")).rejects.toMatchObject({ code: "ERR_OUTSIDE_STORE" });
    await expect(store.closure([app, none])).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
      details: { path: none },
    });
  });

  test.each(["none", "gzip", "br", "bzip2", "xz", "zstd"])(
    "gives the NARs that nix-store dumps, from %s",
    async (compression) => {
      const folder = room.folder.join(`with-${compression}`);
      await copyTo(folder, daemon, [app], { compression, "secret-key": room.key.secret });
      expect(readFileSync(narInfoFile(folder, app), "utf8")).toContain(`Compression: ${compression}\n`);
      await using store = open(folder);
      for (const { path, narSize, narHash } of await store.closure(app)) {
        const expected = await dumped(path);
        expect((await bytesOf(store.nar(path))).equals(expected)).toBe(true);
        const opened = store.open(path);
        expect(opened).toMatchObject({ narSize, narHash });
        for (let times = 0; times < 2; times++)
          expect((await bytesOf(opened.nar())).equals(expected)).toBe(true);
      }
    },
  );

  test("opens no path that it has not been asked for", async () => {
    await using store = open(cache);
    const { path } = (await (await openBinaryCache(`file://${cache}?require-sigs=false`)).pathInfo(app))!;
    expect(() => store.open(path)).toThrow(expect.objectContaining({ code: "ERR_PATH_NOT_VALID" }));
    await store.pathInfo(path);
    expect(store.open(path).narSize).toBeGreaterThan(0);
  });

  describe("is believed only", () => {
    async function expectSignatureError(store: BinaryCacheStore, details: object): Promise<void> {
      for (const question of questions(store))
        await expect(question()).rejects.toMatchObject({ code: "ERR_SIGNATURE", details });
      expect(await store.isValidPath(app)).toBe(true);
    }

    test("where a key is trusted that has signed it", async () => {
      const other = await makeKey(room.folder, "other-1");
      const impostor = { ...(await makeKey(room.folder, "impostor")) };
      const renamed = `test-1:${impostor.public.split(":")[1]!}`;
      const signers = ["test-1"];
      await expectSignatureError(open(cache, { trustedPublicKeys: [] }), { signers, trusted: [] });
      await expectSignatureError(open(cache, { trustedPublicKeys: [other.public] }), {
        trusted: ["other-1"],
      });
      await expectSignatureError(open(cache, { trustedPublicKeys: [renamed] }), { trusted: ["test-1"] });
      const both = open(cache, { trustedPublicKeys: [other.public, room.key.public] });
      await Promise.all(questions(both).map((question) => question()));
    });

    test("where nothing of what is signed was changed", async () => {
      const changes: readonly ((text: string) => string)[] = [
        (text) => text.replace(/^NarSize: (.*)$/m, "NarSize: 1$1"),
        (text) => text.replace(/^References: \S+ /m, "References: "),
        (text) =>
          text.replace(
            /^(NarHash: sha256:..)(.)/m,
            (_, start, digit) => `${start}${digit === "0" ? "1" : "0"}`,
          ),
        (text) => text.replace(/^Sig: .*$/m, "Sig: test-1:c2hvcnQ="),
        (text) => text.replace(/^Sig: .*\n/m, ""),
        (text) => text.replace(/^Sig: (.*)$/m, "Sig: $1!"),
      ];
      for (const change of changes) {
        const folder = copy();
        const before = readFileSync(narInfoFile(folder, app), "utf8");
        editNarInfo(folder, app, change);
        expect(readFileSync(narInfoFile(folder, app), "utf8")).not.toBe(before);
        await expectSignatureError(open(folder), { path: app });
      }
    });

    test("unless nobody asks for signatures", async () => {
      for (const query of ["require-sigs=false", "trusted=true"]) {
        await using store = new BinaryCacheStore(`file://${cache}?${query}`);
        expect((await store.closure(app)).size).toBe(3);
      }
      await using strict = new BinaryCacheStore(`file://${cache}?require-sigs=false`, {
        requireSignatures: true,
      });
      await expectSignatureError(strict, { path: app });
    });

    test("by keys that the URL names, whose base 64 may have a plus sign", async () => {
      let key = room.key;
      for (let i = 0; !key.public.includes("+"); i++) key = await makeKey(room.folder, `plus-${String(i)}`);
      const other = await makeKey(room.folder, "first");
      const folder = room.folder.join("plus");
      await copyTo(folder, daemon, [library], { "secret-key": key.secret });
      for (const query of [
        `trusted-public-keys=${key.public}`,
        `trusted-public-keys=${other.public}%20${key.public}`,
        `trusted-public-keys=${other.public}&trusted-public-keys=${encodeURIComponent(key.public)}`,
      ]) {
        await using store = await openBinaryCache(`file://${folder}?${query}`);
        expect((await store.pathInfo(library))?.path).toBe(library);
      }
    });

    test("as long as keys have the form of keys", () => {
      for (const text of [
        "",
        "name",
        "name:",
        "name:c2hvcnQ=",
        ":" + room.key.public,
        `${room.key.public}AAAA`,
      ])
        expect(() => open(cache, { trustedPublicKeys: [text] })).toThrow(
          expect.objectContaining({ code: "ERR_SIGNATURE" }),
        );
    });
  });

  describe("that is damaged", () => {
    const read = async (folder: string, options?: BinaryCacheOptions): Promise<Buffer> => {
      await using store = open(folder, { requireSignatures: false, ...options });
      return await bytesOf(store.nar(library));
    };

    test("has no NAR that was changed, cut or lengthened", async () => {
      const large = (await dumped(library)).length;
      for (const compression of ["none", "xz"]) {
        const original = room.folder.join(`damaged-${compression}`);
        await copyTo(original, daemon, [library], { compression });
        const whole = readFileSync(narFile(original, library));
        const changed = Buffer.from(whole);
        changed[whole.length >> 1]! ^= 1;
        for (const bytes of [
          changed,
          whole.subarray(0, -1),
          whole.subarray(0, 0),
          Buffer.concat([whole, Buffer.from("x")]),
        ]) {
          for (const forget of [false, true]) {
            writeFileSync(narFile(original, library), bytes);
            // Without the hash of the file, that of the NAR has to tell.
            if (forget)
              editNarInfo(original, library, (text) => text.replace(/^File(Hash|Size): .*\n/gm, ""));
            await expect(read(original)).rejects.toMatchObject({
              code: expect.stringMatching(/^ERR_(NAR_HASH|COMPRESSION)$/),
            });
          }
        }
        writeFileSync(narFile(original, library), whole);
        expect(await read(original)).toHaveLength(large);
      }
    });

    test("has no NAR that is another one's, however well it is packed", async () => {
      const folder = copy();
      const { stdout } = await daemon.run("nix-store", ["--dump", daemon.realPath(app)]);
      editNarInfo(folder, library, (text) =>
        text.replace(/^Compression: .*$/m, "Compression: none").replace(/^File(Hash|Size): .*\n/gm, ""),
      );
      writeFileSync(narFile(folder, library), stdout);
      await expect(read(folder)).rejects.toMatchObject({ code: "ERR_NAR_HASH", details: { path: library } });
    });

    test("gives no more bytes than it said there are", async () => {
      const folder = copy();
      editNarInfo(folder, library, (text) =>
        text.replace(/^Compression: .*$/m, "Compression: none").replace(/^File(Hash|Size): .*\n/gm, ""),
      );
      truncateSync(narFile(folder, library), 1 << 30);
      let size = 0;
      await using store = open(folder);
      const reading = (async () => {
        for await (const piece of store.nar(library)) size += piece.length;
      })();
      await expect(reading).rejects.toMatchObject({ code: "ERR_NAR_HASH" });
      expect(size).toBeLessThan(8 << 20);
    });

    test("says which file it lacks", async () => {
      const folder = copy();
      rmSync(narFile(folder, library));
      await expect(read(folder)).rejects.toMatchObject({
        code: "ERR_BINARY_CACHE",
        details: { absent: true },
      });
      rmSync(narInfoFile(folder, library));
      await expect(read(folder)).rejects.toMatchObject({ code: "ERR_PATH_NOT_VALID" });
      await expect(open(folder).closure(app)).rejects.toMatchObject({
        code: "ERR_PATH_NOT_VALID",
        message: expect.stringContaining("references it"),
        details: { path: library },
      });
    });

    test.each<[string, (text: string) => string]>([
      ["has no StorePath", (text) => text.replace(/^StorePath: .*\n/m, "")],
      ["has no URL", (text) => text.replace(/^URL: .*\n/m, "")],
      ["has no NarHash", (text) => text.replace(/^NarHash: .*\n/m, "")],
      ["has no NarSize", (text) => text.replace(/^NarSize: .*\n/m, "")],
      ["has a NarSize of 0", (text) => text.replace(/^NarSize: .*$/m, "NarSize: 0")],
      ["has a NarSize that is no number", (text) => text.replace(/^NarSize: .*$/m, "NarSize: -1")],
      [
        "has a NarSize that is no exact number",
        (text) => text.replace(/^NarSize: .*$/m, `NarSize: ${"9".repeat(20)}`),
      ],
      [
        "has a NarHash of another kind",
        (text) => text.replace(/^NarHash: .*$/m, `NarHash: sha1:${"0".repeat(40)}`),
      ],
      ["has a NarHash of another length", (text) => text.replace(/^NarHash: .*$/m, "NarHash: sha256:00")],
      ["has a FileHash that is none", (text) => text.replace(/^FileHash: .*$/m, "FileHash: x")],
      [
        "is about another path",
        (text) =>
          text.replace(/^(StorePath: .*\/)(.)/m, (_, before: string, first: string) =>
            before.concat(first === "0" ? "1" : "0"),
          ),
      ],
      ["is about another store", (text) => text.replace(/^StorePath: .*\//m, "StorePath: /elsewhere/store/")],
      ["is about something in a path", (text) => text.replace(/^(StorePath: .*)$/m, "$1/bin")],
      [
        "has a reference that is a whole path",
        (text) => text.replace(/^References: /m, "References: /nix/store/"),
      ],
      ["has a reference that climbs", (text) => text.replace(/^References: /m, "References: ../")],
      ["has a reference that is none", (text) => text.replace(/^References: /m, "References: x ")],
      ["has a deriver that is none", (text) => `${text}Deriver: x\n`],
      ["has a line without a colon", (text) => `${text}something\n`],
      ["has two URLs", (text) => `${text}URL: nar/x.nar\n`],
      ["is empty", () => ""],
      ["has more than a narinfo may have", (text) => `${text}Note: ${"x".repeat(2 << 20)}\n`],
      ...[
        "../nar/x.nar",
        "nar/../../x.nar",
        "nar/%2e%2E/%2e./x.nar",
        "/etc/passwd",
        "//other.example/x.nar",
        "http://user:secret@other.example/x.nar",
        "http://",
        "ftp://other.example/x.nar",
        "file:///etc/passwd",
        "nar\\..\\x.nar",
        "nar/..%2f..%2fx.nar",
        "nar/x y.nar",
        "nar/x%00.nar",
      ].map((url): [string, (text: string) => string] => [
        `has the URL ${url}`,
        (text) => text.replace(/^URL: .*$/m, `URL: ${url}`),
      ]),
    ])("has no narinfo that %s", async (_, edit) => {
      const folder = copy();
      editNarInfo(folder, app, edit);
      await using store = open(folder, { requireSignatures: false });
      for (const question of questions(store))
        await expect(question()).rejects.toMatchObject({ code: "ERR_BINARY_CACHE" });
    });

    test("has no compression that is not known", async () => {
      const folder = copy();
      editNarInfo(folder, library, (text) => text.replace(/^Compression: .*$/m, "Compression: lz4"));
      await expect(read(folder)).rejects.toMatchObject({
        code: "ERR_UNSUPPORTED",
        details: { compression: "lz4" },
      });
    });

    test("has no paths that reference one another", async () => {
      const folder = copy();
      editNarInfo(folder, library, (text) =>
        text.replace(/^References:.*$/m, `References: ${nodePath.basename(app)}`),
      );
      await expect(open(folder, { requireSignatures: false }).closure(app)).rejects.toMatchObject({
        code: "ERR_BINARY_CACHE",
      });
    });
  });

  test("has bzip2 where a narinfo does not say, no deriver where it is unknown, and keeps what it does not know", async () => {
    const folder = room.folder.join("old");
    await copyTo(folder, daemon, [library], { compression: "bzip2", "secret-key": room.key.secret });
    editNarInfo(
      folder,
      library,
      (text) => `${text.replace(/^Compression: .*\n/m, "")}Deriver: unknown-deriver\nFuture: x\nFuture: y\n`,
    );
    await using store = open(folder);
    expect(await store.pathInfo(library)).not.toHaveProperty("deriver");
    expect((await bytesOf(store.nar(library))).equals(await dumped(library))).toBe(true);
  });

  test("is refused where it is none, or one of another store", async () => {
    const folder = room.folder.join("none");
    await expect(openBinaryCache(`file://${folder}`)).rejects.toMatchObject({ code: "ERR_BINARY_CACHE" });
    mkdirSync(folder);
    for (const text of [
      "StoreDir: relative\n",
      "StoreDir: /nix/store\nPriority: high\n",
      "x".repeat(1 << 20),
    ]) {
      writeFileSync(`${folder}/nix-cache-info`, text);
      await expect(openBinaryCache(`file://${folder}`)).rejects.toMatchObject({ code: "ERR_BINARY_CACHE" });
    }
    await expect(openBinaryCache(`file://${cache}?store=/other/store`)).rejects.toMatchObject({
      code: "ERR_BINARY_CACHE",
      details: { expected: "/other/store", actual: daemon.storeDir },
    });
    await openBinaryCache(`file://${cache}?store=${daemon.storeDir}`);
    rmSync(`${folder}/nix-cache-info`);
    mkdirSync(`${folder}/nix-cache-info`);
    await expect(openBinaryCache(`file://${folder}`)).rejects.toMatchObject({ code: "ERR_FILE_READ" });
  });

  test("says of itself what its file and its URL say", async () => {
    const folder = copy();
    writeFileSync(`${folder}/nix-cache-info`, "a line\nWantMassQuery: 1\nPriority: 30\n");
    expect(await (await openBinaryCache(`file://${folder}`)).cacheInfo()).toEqual({
      ...{ storeDir: "/nix/store", wantMassQuery: true, priority: 30 },
    });
    const url = `file://${folder}?priority=7&want-mass-query=false&compression=xz`;
    const store = await openBinaryCache(url);
    expect(await store.cacheInfo()).toMatchObject({ wantMassQuery: false, priority: 7 });
    expect(store.url).toBe(url);
  });

  test("has its reading ended by a signal, with its reason, and by being closed", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    const store = open(cache);
    await store.storeDir();
    for (const question of questions(store, { signal })) await expect(question()).rejects.toBe(reason);
    const abort = new AbortController();
    const reading = store.nar(library, { signal: abort.signal });
    await reading.next();
    abort.abort(reason);
    await expect(bytesOf(reading)).rejects.toBe(reason);
    const left = store.nar(library);
    await left.next();
    await store.close();
    await store.close();
    await expect(bytesOf(left)).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(store.pathInfo(app)).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(bytesOf(store.nar(app))).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });
});

describe("cache.nixos.org", () => {
  const { defaultPublicKeys } = parseCacheUrl("https://cache.nixos.org");
  const curl = "/nix/store/syd87l2rxw8cbsxmxl853h0r6pdwhwjr-curl-7.82.0-bin";
  /** As it is there. */
  const narInfo = `StorePath: ${curl}
URL: nar/05ra3y72i3qjri7xskf9qj8kb29r6naqy1sqpbs3azi3xcigmj56.nar.xz
Compression: xz
FileHash: sha256:05ra3y72i3qjri7xskf9qj8kb29r6naqy1sqpbs3azi3xcigmj56
FileSize: 68852
NarHash: sha256:1b4sb93wp679q4zx9k1ignby1yna3z7c4c2ri3wphylbc2dwsys0
NarSize: 196040
References: 0jqd0rlxzra1rs38rdxl43yh6rxchgc6-curl-7.82.0 6w8g7njm4mck5dmjxws0z1xnrxvl81xa-glibc-2.34-115 j5jxw3iy7bbz4a57fh9g2xm2gxmyal8h-zlib-1.2.12 yxvjs9drzsphm9pcf42a4byzj1kb9m7k-openssl-1.1.1n
Deriver: 5rwxzi7pal3qhpsyfc16gzkh939q1np6-curl-7.82.0.drv
Sig: cache.nixos.org-1:TsTTb3WGTZKphvYdBHXwo6weVILmTytUjLB+vcX89fOjjRicCHmKA4RCPMVLkj6TMJ4GMX3HPVWRdD1hkeKZBQ==
`;

  test("is trusted by its own key, and no other cache is", async () => {
    await using folder = await temporaryFolder("cache");
    writeFileSync(folder.join("nix-cache-info"), "StoreDir: /nix/store\n");
    writeFileSync(narInfoFile(folder.path, curl), narInfo);
    await using store = new BinaryCacheStore(`file://${folder.path}`, {
      trustedPublicKeys: defaultPublicKeys,
    });
    expect(await store.pathInfo(curl)).toMatchObject({ path: curl, narSize: 196040 });
    await using stranger = new BinaryCacheStore(`file://${folder.path}`);
    await expect(stranger.pathInfo(curl)).rejects.toMatchObject({ code: "ERR_SIGNATURE" });
    for (const url of [
      "https://cache.nixos.org.example",
      "https://example/cache.nixos.org",
      "file:///cache.nixos.org",
    ])
      expect(parseCacheUrl(url).defaultPublicKeys).toEqual([]);
  });
});

describe("a binary cache's URL", () => {
  test.each([
    "",
    "auto",
    "/folder",
    "file://relative",
    "file://",
    "ftp://host/",
    "http://",
    "https://host:port/",
    "file:///folder?trusted-public-key=x",
    "file:///folder?require-sigs=perhaps",
    "file:///folder?priority=high",
    "file:///folder?store=relative",
    "file:///%zz",
  ])("is not %s", (url) => {
    expect(() => new BinaryCacheStore(url)).toThrow(expect.objectContaining({ code: "ERR_STORE_URL" }));
  });

  test("and options that are wrong are told by their names", () => {
    for (const [options, argument] of [
      [{ trustedPublicKeys: "x" }, "options.trustedPublicKeys"],
      [{ requireSignatures: "no" }, "options.requireSignatures"],
      [{ parallel: 0 }, "options.parallel"],
      [{ attempts: 1.5 }, "options.attempts"],
      [{ silence: -1 }, "options.silence"],
      [{ silence: 2 ** 31 }, "options.silence"],
      [{ netrcFile: 1 }, "options.netrcFile"],
      [{ allowNarHosts: "host" }, "options.allowNarHosts"],
      ...["http://host", "host/x", "me@host", "", "host:port"].map(
        (host) => [{ allowNarHosts: ["host", host] }, "options.allowNarHosts[1]"] as const,
      ),
      [null, "options"],
    ] as const) {
      expect(() => new BinaryCacheStore("file:///folder", options as never)).toThrow(
        expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument } }),
      );
    }
    expect(() => new BinaryCacheStore(1 as never)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
  });

  test("keeps its password to itself", () => {
    const store = new BinaryCacheStore("https://someone:secret@host.example/cache/?priority=1");
    expect(store.url).toBe("https://host.example/cache?priority=1");
    expect(() => new BinaryCacheStore("https://someone:secret@host.example/?x=1")).toThrow(
      expect.objectContaining({
        message: expect.not.stringContaining("secret"),
        details: expect.not.stringContaining("secret"),
      }),
    );
  });
});
