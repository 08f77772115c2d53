/** What can be asked of a store and done in it, with a real daemon, through the public surface. */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import nodePath from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  ArgumentError,
  type NixStore,
  openStore,
  type StoreEvent,
  type StorePath,
} from "../../dist/index.js";
import { loadAddon, type NativeConnection } from "../../dist/store/native.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { nixes } from "../support/nixes.js";
import { describeWith } from "../support/requirements.js";
import { laminix } from "../support/run.js";
import { runScript } from "../support/script.js";
import { temporaryFolder } from "../support/temporary.js";

const missingName = `${"0".repeat(32)}-missing`;

/** A derivation of two outputs that prints, and one that fails; `salt` makes them new. */
const expression = (salt: string): string => `
  let sh = name: script: extra: derivation ({
        inherit name; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" script ];
      } // extra);
  in {
    good = sh "good-${salt}" "echo first line; echo second line >&2; echo \${builtins.toFile "dep-${salt}" "dep"} > $out; echo dev > $dev"
      { outputs = [ "out" "dev" ]; };
    bad = sh "bad-${salt}" "echo about to fail; exit 3" {};
    slow = sh "slow-${salt}" "sleep 2718" {};
  }`;

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* pieces(...bytes: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* bytes;
}

for (const { release, name, needs } of nixes) {
  describeWith(needs, `a store of ${name}`, () => {
    let daemon: TestStore;
    let store: NixStore;
    let salt = 0;

    beforeAll(async () => {
      daemon = await startNixStore({ nix: release, config: "trusted-users = *" });
      store = await openStore(`${daemon.uri}?store=${daemon.storeDir}`);
    });
    afterAll(async () => {
      await store.close();
      await daemon[Symbol.asyncDispose]();
    });

    async function derivation(attribute: "good" | "bad" | "slow"): Promise<StorePath> {
      const text = expression(`${process.pid}-${salt++}`);
      const { stdout } = await daemon.run("nix-instantiate", ["--expr", text, "--attr", attribute]);
      return stdout.toString().trim() as StorePath;
    }

    test("adds text, which is a store path that follows from it", async () => {
      const dependency = await store.addText("dependency", "one");
      const info = await store.addText("text", `two ${dependency.path}`, { references: [dependency.path] });
      expect(info).toMatchObject({ references: [dependency.path], narSize: expect.any(Number) });
      expect(info.ca).toMatch(/^text:sha256:/);
      expect(await store.isValidPath(info.path)).toBe(true);
      expect(
        (await store.addText("text", `two ${dependency.path}`, { references: [dependency.path] })).path,
      ).toBe(info.path);
      const { stdout } = await daemon.run("nix-store", ["--query", "--references", info.path]);
      expect(stdout.toString().trim()).toBe(dependency.path);
    });

    test("adds a file that comes in pieces, larger than any frame", async () => {
      const piece = Buffer.alloc(3_000_001, "x");
      const info = await store.addFile("large", pieces(piece, piece, Buffer.alloc(0), piece));
      const place = daemon.realPath(info.path);
      const { stdout } = await daemon.run("sha256sum", [place]);
      expect(stdout.toString().split(" ")[0]).toBe(
        createHash("sha256")
          .update(Buffer.concat([piece, piece, piece]))
          .digest("hex"),
      );
      const copy = nodePath.join(daemon.root, "large");
      copyFileSync(place, copy);
      const added = await daemon.run("nix-store", ["--add-fixed", "sha256", copy]);
      expect(added.stdout.toString().trim()).toBe(info.path);
    });

    test("adds a folder as a NAR, at the path that nix-store gives it", async () => {
      const folder = nodePath.join(daemon.root, "folder");
      mkdirSync(nodePath.join(folder, "inner"), { recursive: true });
      writeFileSync(nodePath.join(folder, "inner/file"), "contents");
      symlinkSync("inner/file", nodePath.join(folder, "link"));
      const { stdout: nar } = await daemon.run("nix-store", ["--dump", folder]);
      const info = await store.addNar("folder", pieces(nar));
      const { stdout } = await daemon.run("nix-store", ["--add", folder]);
      expect(info.path).toBe(stdout.toString().trim());
      expect((await store.addPath(folder)).path).toBe(info.path);
      expect((await store.addPath(`${folder}/inner`, { name: "other" })).path).toMatch(/-other$/);
      await expect(store.addPath(`${folder}/absent`)).rejects.toMatchObject({ code: "ERR_FILE_READ" });
    });

    test("refuses what is no NAR, and goes on", async () => {
      await expect(
        store.addNar("nonsense", pieces(Buffer.from("not a NAR at all, but long enough"))),
      ).rejects.toMatchObject({ code: "ERR_DAEMON" });
      expect((await store.addText("after", "it")).path).toMatch(/-after$/);
    });

    test("gives up an addition whose source fails", async () => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield Buffer.alloc(100_000);
        await sleep(1);
        throw new Error("the source is gone");
      }
      // A daemon that only saw the connection end would now and then take what it has for all there is.
      for (let i = 0; i < 20; i++) {
        await expect(store.addFile("half", failing())).rejects.toThrow("the source is gone");
        const controller = new AbortController();
        const adding = store.addFile("half", failing(), { signal: controller.signal });
        setImmediate(() => {
          controller.abort(new Error("given up"));
        });
        await expect(adding).rejects.toThrow(/given up|the source is gone/);
      }
      expect((await store.allValidPaths()).filter((path) => path.endsWith("-half"))).toEqual([]);
    });

    test("hears the daemon refuse a body that is not whole", async () => {
      const native = loadAddon().connect({ socket: daemon.socket }, { handshakeTimeout: 5000 });
      const request = { name: "half", contentAddressMethod: "fixed:sha256", references: [], repair: false };
      const answer = native.ask("addToStore", request).promise;
      answer.catch(() => undefined);
      await native.frame(Buffer.from("the first half")).promise;
      await native.breakBody().promise;
      await expect(answer).rejects.toMatchObject({ code: "ERR_DAEMON" });
      native.close();
    });

    test("gives up an addition whose source says nothing, once it is aborted", async () => {
      const controller = new AbortController();
      let returned = 0;
      const silent = (first: Uint8Array): AsyncIterable<Uint8Array> => ({
        [Symbol.asyncIterator]: () => {
          let asked = 0;
          return {
            next: () => {
              if (asked++ === 0) return Promise.resolve({ done: false, value: first });
              setTimeout(() => {
                controller.abort(new Error("too slow"));
              }, 50);
              return new Promise<never>(() => undefined);
            },
            return: () => {
              returned++;
              return Promise.resolve({ done: true, value: undefined });
            },
          };
        },
      });
      const adding = store.addFile("silent", silent(Buffer.alloc(10)), { signal: controller.signal });
      await expect(adding).rejects.toThrow("too slow");
      expect(returned).toBe(1);
    });

    test("streams a NAR as nix-store dumps it", async () => {
      const { path } = await store.addFile("streamed", Buffer.alloc(2_345_678, "y"));
      const { stdout } = await daemon.run("nix-store", ["--dump", daemon.realPath(path)], {
        maxBuffer: 1 << 26,
      } as never);
      expect(Buffer.compare(await bytesOf(store.nar(path)), stdout)).toBe(0);
    });

    test("says of a NAR's path that it is not valid", async () => {
      const path = `${daemon.storeDir}/${missingName}`;
      await expect(bytesOf(store.nar(path))).rejects.toMatchObject({
        code: "ERR_PATH_NOT_VALID",
        details: { path },
      });
    });

    test("notices that a NAR is not the one it describes", async () => {
      const path = await daemon.addTextFile("damaged", "as it was");
      rmSync(daemon.realPath(path));
      writeFileSync(daemon.realPath(path), "as it is!");
      await expect(bytesOf(store.nar(path))).rejects.toMatchObject({ code: "ERR_NAR_HASH" });
      rmSync(daemon.realPath(path));
      await expect(bytesOf(store.nar(path))).rejects.toMatchObject({ code: "ERR_DAEMON" });
      expect(await store.isValidPath(path)).toBe(true);
    });

    test("stops a NAR in its midst, by a signal or by the reader", async () => {
      const { path } = await store.addFile("stopped", Buffer.alloc(30_000_000, "z"));
      const controller = new AbortController();
      const reading = store.nar(path, { signal: controller.signal });
      await reading.next();
      controller.abort(new Error("enough"));
      await expect(bytesOf(reading)).rejects.toThrow("enough");
      for await (const piece of store.nar(path)) {
        expect(piece.length).toBeGreaterThan(0);
        break;
      }
      expect((await bytesOf(store.nar(path))).length).toBeGreaterThan(30_000_000);
    });

    test("imports a NAR with its info, from another store", async () => {
      await using other = await startNixStore({
        nix: release,
        storeDir: daemon.storeDir,
        config: "trusted-users = *",
      });
      await using otherStore = await openStore(`${other.uri}?store=${daemon.storeDir}`);
      const path = await daemon.addTextFile("imported", "from elsewhere");
      const info = await store.pathInfo(path);
      await otherStore.importNar(info!, store.nar(path), { checkSignatures: false });
      expect(await otherStore.pathInfo(path)).toMatchObject({
        narHash: info!.narHash,
        narSize: info!.narSize,
      });
      await expect(
        otherStore.importNar(
          {
            ...info!,
            narHash: `sha256-${Buffer.alloc(32).toString("base64")}`,
            path: `${daemon.storeDir}/${missingName}` as StorePath,
          },
          store.nar(path),
          { checkSignatures: false },
        ),
      ).rejects.toMatchObject({ code: "ERR_DAEMON", message: expect.stringContaining("hash mismatch") });
      expect(await otherStore.isValidPath(`${daemon.storeDir}/${missingName}`)).toBe(false);
    });

    test("signs a path", async () => {
      const { path } = await store.addText("signed", "text");
      const signature = `key-1:${Buffer.alloc(64, 1).toString("base64")}`;
      await store.addSignatures(path, [signature]);
      expect((await store.pathInfo(path))?.signatures).toEqual([signature]);
    });

    test("builds, and tells what came of it", async () => {
      const drv = await derivation("good");
      expect(await store.missing([drv])).toMatchObject({ willBuild: [drv], willSubstitute: [], unknown: [] });
      const [result] = await store.build(drv);
      expect(result).toMatchObject({ path: drv, status: "built", success: true, message: "" });
      expect([...result!.outputs.keys()].sort()).toEqual(["dev", "out"]);
      expect(await store.validPaths([...result!.outputs.values()])).toHaveLength(2);
      expect(await store.missing([drv])).toMatchObject({ willBuild: [] });
      expect(await store.build([`${drv}^dev`])).toMatchObject([{ status: "already-valid" }]);
      expect(await store.derivationOutputs(drv)).toEqual(new Map(result!.outputs));
      const out = result!.outputs.get("out")!;
      expect(await store.validDerivers(out)).toEqual([drv]);
      const [dependency] = (await store.pathInfo(out))!.references;
      expect(await store.referrers(dependency!)).toContain(out);
      expect((await store.referrersClosure(dependency!)).sort()).toEqual(
        (await daemon.run("nix-store", ["--query", "--referrers-closure", dependency!])).stdout
          .toString()
          .trim()
          .split("\n")
          .sort(),
      );
    });

    test("tells of a build while it runs: activities, phases, the builder's lines", async () => {
      const drv = await derivation("good");
      const events: StoreEvent[] = [];
      const build = store.build(drv, { onProgress: (event) => events.push(event) });
      const iterated: StoreEvent[] = [];
      for await (const event of build) iterated.push(event);
      const [result] = await build;
      expect(result?.success).toBe(true);
      expect(iterated).toEqual(events);
      const lines = events.flatMap((event) => (event.type === "build-log" ? [event.line] : []));
      expect(lines.sort()).toEqual(["first line", "second line"]);
      const started = events.flatMap((event) => (event.type === "start" ? [event.activity] : []));
      expect(started).toContainEqual(expect.objectContaining({ kind: "build", derivation: drv }));
      const stopped = events.flatMap((event) => (event.type === "stop" ? [event.activity.id] : []));
      expect(stopped.sort()).toEqual(started.map(({ id }) => id).sort());
    });

    test("says which build failed, and why", async () => {
      const bad = await derivation("bad");
      const good = await derivation("good");
      const build = store.build([bad, good], { keepGoing: true });
      await expect(build).rejects.toMatchObject({
        code: "ERR_BUILD",
        message: expect.stringContaining("exit code 3"),
        details: {
          results: expect.arrayContaining([
            expect.objectContaining({ path: bad, success: false, status: "permanent-failure" }),
            expect.objectContaining({ path: good, success: true, status: "built" }),
          ]),
        },
      });
      const failing = async (): Promise<void> => {
        for await (const event of store.build(bad)) expect(event).toBeDefined();
      };
      await expect(failing()).rejects.toMatchObject({ code: "ERR_BUILD" });
    });

    test("stops a build that is aborted, and answers others meanwhile", async () => {
      const drv = await derivation("slow");
      const controller = new AbortController();
      const begun = new Promise<void>((resolve) => {
        store
          .build(drv, {
            signal: controller.signal,
            onProgress: ({ type }) => {
              if (type === "start") resolve();
            },
          })
          .then(undefined, () => undefined);
      });
      await begun;
      expect(await store.isValidPath(drv)).toBe(true);
      const build = store.build(drv, { signal: controller.signal });
      controller.abort(new Error("not needed any more"));
      await expect(build).rejects.toThrow("not needed any more");
      const sleepers = async (): Promise<string> =>
        (await daemon.run("sh", ["-c", "pgrep -f '[s]leep 2718' || true"])).stdout.toString();
      for (let tries = 0; (await sleepers()) !== "" && tries < 100; tries++) await sleep(100);
      expect(await sleepers()).toBe("");
    });

    test("ensures a path that is there, and says that it has no other", async () => {
      const { path } = await store.addText("ensured", "text");
      await store.ensurePath(path);
      await expect(store.ensurePath(`${daemon.storeDir}/${missingName}`)).rejects.toMatchObject({
        code: "ERR_DAEMON",
      });
      expect((await store.missing([`${daemon.storeDir}/${missingName}`])).unknown).toEqual([
        `${daemon.storeDir}/${missingName}`,
      ]);
      expect(await store.substitutableInfos([path])).toEqual(new Map());
    });

    test("fetches from a substituter, and tells what that has", async () => {
      const { path } = await store.addText("substituted", "text to be fetched");
      const derived = await store.addText("derived", path, { references: [path] });
      await using cache = await temporaryFolder("substituter");
      await daemon.run("nix", ["copy", "--to", `file://${cache.path}`, derived.path]);
      await using other = await startNixStore({
        nix: release,
        storeDir: daemon.storeDir,
        config: `trusted-users = *\nsubstituters = file://${cache.path}\nrequire-sigs = false`,
      });
      await using fetching = await openStore(`${other.uri}?store=${daemon.storeDir}`);
      expect(await fetching.isValidPath(derived.path)).toBe(false);
      const infos = await fetching.substitutableInfos([derived.path, `${daemon.storeDir}/${missingName}`]);
      expect([...infos]).toEqual([
        [derived.path, expect.objectContaining({ references: [path], narSize: derived.narSize })],
      ]);
      const missing = await fetching.missing([derived.path]);
      expect([...missing.willSubstitute].sort()).toEqual([path, derived.path].sort());
      expect(missing.narSize).toBeGreaterThan(derived.narSize);
      const events: StoreEvent[] = [];
      await fetching.ensurePath(path, { onProgress: (event) => events.push(event) });
      expect(await fetching.isValidPath(path)).toBe(true);
      const started = events.flatMap((event) => (event.type === "start" ? [event.activity] : []));
      expect(started).toContainEqual(expect.objectContaining({ kind: "substitute", path }));
      expect(await fetching.build(derived.path)).toMatchObject([{ status: "substituted", success: true }]);
      expect(await fetching.validPaths([path, derived.path])).toHaveLength(2);
    });

    test("many paths are asked about at once", async () => {
      const infos = await Promise.all(["a", "b", "c"].map((name) => store.addText(name, name)));
      const paths = infos.map(({ path }) => path);
      const missing = `${daemon.storeDir}/${missingName}`;
      expect(await store.validPaths([...paths, missing])).toHaveLength(3);
      const found = await store.pathInfos([paths[2]!, missing, paths[0]!]);
      expect(found.map((info) => info?.path)).toEqual([paths[2], undefined, paths[0]]);
    });

    test("a link is a root: what it names stays, the rest is garbage", async () => {
      const kept = await store.addText("kept", "kept");
      const lost = await store.addText("lost", "lost");
      const held = await store.addText("held", "held");
      const link = nodePath.join(daemon.root, "root-link");
      symlinkSync(kept.path, link);
      await store.addIndirectRoot(link);
      expect(await store.roots()).toContainEqual({ link, path: kept.path });
      const roots = await store.tempRoots([held.path]);

      const dead = await store.collectGarbage({ action: "return-dead" });
      expect(dead.paths).toContain(lost.path);
      const live = await store.collectGarbage({ action: "return-live" });
      expect(live.paths).toContain(kept.path);
      await expect(
        store.collectGarbage({ action: "delete-specific", paths: [kept.path] }),
      ).rejects.toMatchObject({
        code: "ERR_DAEMON",
      });
      const deleted = await store.collectGarbage();
      expect(deleted.paths).toContain(lost.path);
      expect(deleted.bytesFreed).toBeGreaterThan(0);
      expect(await store.validPaths([kept.path, lost.path, held.path])).toEqual(
        expect.arrayContaining([kept.path, held.path]),
      );
      expect(await store.isValidPath(lost.path)).toBe(false);
      expect(existsSync(daemon.realPath(lost.path))).toBe(false);
      await roots.close();
    });

    test("frees no more than it is told to", async () => {
      for (let i = 0; i < 20; i++) await store.addFile(`part-${i}`, Buffer.alloc(1_000_000, i));
      const { paths } = await store.collectGarbage({ maxFreed: 1_000_000 });
      expect(paths.filter((path) => path.includes("-part-")).length).toBeLessThan(20);
    });

    test("verifies its contents, and says what is damaged", async () => {
      const damaged = await daemon.addTextFile("verified", "as it was");
      expect(await store.verify({ checkContents: true })).toBe(true);
      rmSync(daemon.realPath(damaged));
      writeFileSync(daemon.realPath(damaged), "as it is!");
      const events: StoreEvent[] = [];
      expect(await store.verify({ checkContents: true, onProgress: (event) => events.push(event) })).toBe(
        false,
      );
      expect(
        JSON.stringify(events, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
      ).toContain(damaged);
      await store.collectGarbage({ action: "delete-specific", paths: [damaged] });
    });

    test("makes equal files one", async () => {
      const one = await store.addFile("equal-1", Buffer.alloc(100_000, "e"));
      const other = await store.addFile("equal-2", Buffer.alloc(100_000, "e"));
      await store.optimise();
      const { stdout } = await daemon.run("stat", [
        "-c",
        "%i",
        daemon.realPath(one.path),
        daemon.realPath(other.path),
      ]);
      const [first, second] = stdout.toString().trim().split("\n");
      expect(first).toBe(second);
    });

    test("asks the same question once, and one who gives up leaves the others", async () => {
      const { path } = await store.addText("shared", "question");
      const controller = new AbortController();
      const given = store.pathInfo(path, { signal: controller.signal });
      const others = [store.pathInfo(path), store.pathInfo(path)];
      controller.abort(new Error("never mind"));
      await expect(given).rejects.toThrow("never mind");
      expect((await Promise.all(others)).map((info) => info?.path)).toEqual([path, path]);
    });

    test("does much at once, a few connections at a time", async () => {
      const children = async (): Promise<number> =>
        Number((await daemon.run("sh", ["-c", `pgrep -c -P ${daemon.daemonPid} || true`])).stdout.toString());
      const adding = Array.from({ length: 40 }, (_, i) =>
        store.addFile(`many-${i}`, Buffer.alloc(200_000, i)),
      );
      const infos = await Promise.all(adding);
      expect(await children()).toBeLessThanOrEqual(6);
      const nars = await Promise.all(infos.map(({ path }) => bytesOf(store.nar(path))));
      expect(nars.every((nar) => nar.length > 200_000)).toBe(true);
    });

    test.each<[string, () => Promise<unknown>, string]>([
      ["pathInfo", () => store.pathInfo(1 as never), "path"],
      ["isValidPath", () => store.isValidPath(null as never), "path"],
      ["closure", () => store.closure([1] as never), "paths[0]"],
      ["validPaths", () => store.validPaths("x" as never), "paths"],
      ["pathInfos", () => store.pathInfos([undefined] as never), "paths[0]"],
      ["a signal", () => store.storeDir({ signal: "now" } as never), "options.signal"],
      ["options", () => store.pathInfo("/x", null as never), "options"],
      ["nar", () => bytesOf(store.nar({} as never)), "path"],
      ["addText", () => store.addText("name", Buffer.alloc(1) as never), "text"],
      ["addText's name", () => store.addText(1 as never, ""), "name"],
      ["addSignatures", () => store.addSignatures("/x", "y" as never), "signatures"],
      ["build", () => Promise.resolve(store.build([1] as never)), "targets[0]"],
      ["build's mode", () => Promise.resolve(store.build([], { mode: "twice" as never })), "options.mode"],
      ["collectGarbage", () => store.collectGarbage({ action: "burn" as never }), "options.action"],
      ["collectGarbage's limit", () => store.collectGarbage({ maxFreed: -1 }), "options.maxFreed"],
      ["addIndirectRoot", () => store.addIndirectRoot(1 as never), "link"],
      ["the store's URL", async () => openStore(5 as never), "url"],
    ])("refuses a wrong argument of %s, and names it", async (_, call, argument) => {
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: "ERR_ARGUMENT", details: { argument } });
    });

    test("refuses names that no store path can have before it asks", async () => {
      await expect(store.addText("a/b", "")).rejects.toMatchObject({ code: "ERR_STORE_PATH" });
      await expect(store.addText("", "")).rejects.toMatchObject({ code: "ERR_STORE_PATH" });
      await expect(store.build("/elsewhere/x.drv")).rejects.toMatchObject({ code: "ERR_OUTSIDE_STORE" });
    });

    test("nothing goes on once it is closed", async () => {
      const closing = await openStore(`${daemon.uri}?store=${daemon.storeDir}`);
      const { path } = await closing.addFile("closing", Buffer.alloc(20_000_000));
      const reading = closing.nar(path);
      await reading.next();
      await closing.close();
      await expect(bytesOf(reading)).rejects.toMatchObject({
        code: expect.stringMatching(/ERR_(CLOSED|DAEMON_DISCONNECTED)/),
      });
      await expect(closing.addText("late", "")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    });

    test("is asked and changed over pipes, where no daemon listens", async () => {
      const script = `
      const store = await laminix.openStore("auto?store=" + process.env.NIX_STORE_DIR);
      const { path } = await store.addFile("piped", Buffer.alloc(5_000_000, "p"));
      let bytes = 0;
      for await (const piece of store.nar(path)) bytes += piece.length;
      const lines = [];
      for await (const event of store.build(process.env.DRV)) if (event.type === "build-log") lines.push(event.line);
      print({ bytes, narSize: (await store.pathInfo(path)).narSize, lines: lines.sort() });
      await store.close();`;
      const env = {
        ...daemon.env,
        NIX_REMOTE: undefined,
        NIX_DAEMON_SOCKET_PATH: "/absent",
        DRV: await derivation("good"),
      };
      const { stdout, stderr } = await runScript(script, { env });
      expect(stderr).toBe("");
      const { bytes, narSize, lines } = JSON.parse(stdout.toString()) as Record<string, unknown>;
      expect(bytes).toBe(narSize);
      expect(lines).toEqual(["first line", "second line"]);
    });

    test("laminix referrers prints what references a path, directly or not", async () => {
      const one = await store.addText("one", "1");
      const two = await store.addText("two", one.path, { references: [one.path] });
      const three = await store.addText("three", two.path, { references: [two.path] });
      const run = (...args: string[]) => laminix(["referrers", one.path, "--store", daemon.uri, ...args]);
      expect((await run()).stdout.toString()).toBe(`${two.path}\n`);
      expect(JSON.parse((await run("--closure", "--json")).stdout.toString())).toEqual(
        [one.path, two.path, three.path].sort(),
      );
    });

    // A byte left unread would be taken for the beginning of the next answer.
    test("every operation leaves its connection ready for the next", async () => {
      const drv = await derivation("good");
      const text = await store.addText("behind", "text");
      const link = nodePath.join(daemon.root, "behind-link");
      symlinkSync(text.path, link);
      const missing = `${daemon.storeDir}/${missingName}`;
      const native: NativeConnection = loadAddon().connect(
        { socket: daemon.socket },
        { handshakeTimeout: 5000 },
      );
      const { path } = text;
      const asking: (() => Promise<unknown>)[] = [
        () => native.ask("isValidPath", { path }).promise,
        () => native.ask("referrers", { path }).promise,
        () => native.ask("buildPaths", { targets: [`${drv}!*`], mode: 0 }).promise,
        () => native.ask("ensurePath", { path }).promise,
        () => native.ask("ensurePath", { path: missing }).promise.catch(() => "an error"),
        () => native.ask("addTempRoot", { path }).promise,
        () => native.ask("addIndirectRoot", { link }).promise,
        () => native.ask("roots", {}).promise,
        () =>
          native.ask("setOptions", {
            keepFailed: false,
            keepGoing: false,
            tryFallback: false,
            verbosity: 7,
            maxBuildJobs: 1,
            maxSilentTime: 0,
            buildLogLevel: 0,
            buildCores: 0,
            useSubstitutes: true,
            overrides: [{ name: "max-silent-time", value: "5" }],
          }).promise,
        () => native.ask("collectGarbage", { action: 1, paths: [], maxFreed: 0 }).promise,
        () => native.ask("allValidPaths", {}).promise,
        () => native.ask("pathInfo", { path }).promise,
        () => native.ask("pathInfo", { path: missing }).promise,
        () => native.ask("pathFromHashPart", { hashPart: "0".repeat(32) }).promise,
        () => native.ask("substitutablePathInfos", { paths: [{ path: missing, ca: "" }] }).promise,
        () => native.ask("validPaths", { paths: [path, missing], substitute: false }).promise,
        () => native.ask("validDerivers", { path }).promise,
        () => native.ask("optimiseStore", {}).promise,
        () => native.ask("verifyStore", { checkContents: false, repair: false }).promise,
        () =>
          native.ask("addSignatures", { path, signatures: [`k:${Buffer.alloc(64).toString("base64")}`] })
            .promise,
        () => native.ask("missing", { targets: [`${drv}!*`, missing] }).promise,
        () => native.ask("derivationOutputs", { path: drv }).promise,
        () => native.ask("buildPathsWithResults", { targets: [`${drv}!*`], mode: 0 }).promise,
        () => native.closure(daemon.storeDir, [path]).promise,
        () => {
          const request = {
            name: "framed",
            contentAddressMethod: "text:sha256",
            references: [],
            repair: false,
          };
          const answer = native.ask("addToStore", request).promise;
          void native.frame(Buffer.from("fra")).promise;
          void native.frame(Buffer.from("med")).promise;
          void native.frame(Buffer.alloc(0)).promise;
          return answer;
        },
        () => {
          const nar = native.nar(path, () => undefined);
          for (let i = 0; i < 10; i++) nar.want();
          return nar.promise;
        },
      ];
      for (const ask of asking) {
        const [, valid, absent] = await Promise.all([
          ask(),
          native.ask("isValidPath", { path }).promise,
          native.ask("isValidPath", { path: missing }).promise,
        ]);
        expect([valid, absent], ask.toString()).toEqual([true, false]);
      }
      native.close();
    });
  });
}
