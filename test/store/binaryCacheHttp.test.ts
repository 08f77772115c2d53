import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type BinaryCacheOptions, BinaryCacheStore, openBinaryCache } from "../../dist/index.js";
import {
  cacheRoom,
  type CacheServer,
  copyTo,
  narFile,
  serveCache,
  type TestCache,
} from "../support/binaryCache.js";
import { bytesOf } from "../support/members.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { runScript } from "../support/script.js";

const needed = ["nix-daemon", "nix-store", "nix", "xz", "linux"];

describeWith(needed, "a binary cache behind HTTP", () => {
  let daemon: TestStore;
  let room: TestCache;
  let folder: string;
  let server: CacheServer;
  let large: string;
  let root: string;
  let count: number;

  beforeAll(async () => {
    room = await cacheRoom();
    daemon = await startNixStore();
    large = await daemon.addTree("large", (place) => writeFileSync(place, new Random(2).bytes(4 << 20)));
    const middle: string[] = [];
    for (let i = 0; i < 60; i++)
      middle.push(
        await daemon.addTextFile(`middle-${String(i)}`, large, i % 2 === 0 ? [large] : middle.slice(-1)),
      );
    root = await daemon.addTextFile("root", middle.join(" "), middle);
    count = middle.length + 2;
    folder = room.folder.join("served");
    await copyTo(folder, daemon, [root], { compression: "xz", "secret-key": room.key.secret });
    // A netrc file of this machine's is none of these tests' business.
    vi.stubEnv("NIX_CONF_DIR", room.folder.join("no-conf"));
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await daemon[Symbol.asyncDispose]();
    await room[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    server = await serveCache(folder);
    return () => server[Symbol.asyncDispose]();
  });

  const open = (options: BinaryCacheOptions = {}, url = server.url): BinaryCacheStore =>
    new BinaryCacheStore(url, { trustedPublicKeys: [room.key.public], ...options });
  const dumped = async (path: string): Promise<Buffer> =>
    (await daemon.run("nix-store", ["--dump", daemon.realPath(path)])).stdout;
  const expectNar = async (store: BinaryCacheStore, path: string): Promise<void> => {
    expect((await bytesOf(store.nar(path))).equals(await dumped(path))).toBe(true);
  };
  const isFor = (request: IncomingMessage, what: RegExp): boolean => what.test(request.url ?? "");
  const NAR = /\/nar\//;
  const INFO = /\.narinfo$/;
  /** Misbehaves the first `times` that something is asked for. */
  const first = (
    times: number,
    what: RegExp,
    how: (response: ServerResponse, request: IncomingMessage) => void,
  ): void => {
    let left = times;
    server.misbehave = (request, response) => {
      if (left === 0 || !isFor(request, what)) return false;
      left--;
      how(response, request);
      return true;
    };
  };
  const asked = (what: RegExp): string[] =>
    server.requests.filter((each) => isFor(each, what)).map((each) => each.url!);
  const expectNoRequest = async (): Promise<void> => {
    await vi.waitFor(() => expect(server.busy).toBe(0), { timeout: 60_000 });
  };

  test("has the closure and the NARs of its folder; each narinfo is asked for once, over few connections", async () => {
    await using store = open({ parallel: 7 });
    await using local = open({}, `file://${folder}`);
    const waiting: (() => void)[] = [];
    let most = 0;
    let lull: NodeJS.Timeout | undefined;
    const answerAll = (): void => {
      for (const answer of waiting.splice(0)) answer();
    };
    server.misbehave = (request, response) => {
      if (!isFor(request, INFO)) return false;
      waiting.push(() => response.end(readFileSync(folder + request.url!)));
      most = Math.max(most, waiting.length);
      // Until it has been seen once, those that are still to come are waited for.
      clearTimeout(lull);
      lull = setTimeout(answerAll, most < 7 ? 300 : 5);
      return true;
    };
    const [closure, expected] = [await store.closure(root), await local.closure(root)];
    expect([...closure]).toEqual([...expected]);
    expect(closure.size).toBe(count);
    expect(new Set(asked(INFO)).size).toBe(count);
    expect(asked(INFO)).toHaveLength(count);
    expect(most).toBe(7);
    expect(server.connections).toBeLessThan(count / 2);
    await expectNar(store, root);
    await expectNar(store, large);
    // What was asked for before is known.
    await store.closure([root, large]);
    expect(asked(INFO)).toHaveLength(count);
  });

  test("keeps its connection over what it does not have", async () => {
    await using store = open();
    for (let i = 1; i <= 9; i++)
      expect(await store.isValidPath(`${daemon.storeDir}/${String(i).repeat(32)}-none`)).toBe(false);
    expect(server.connections).toBeLessThan(4);
  });

  test("may lie below a path, and name its NARs with a query", async () => {
    server.misbehave = (request, response) => {
      if (!request.url!.startsWith("/some/where/")) {
        response.writeHead(500).end();
        return true;
      }
      request.url = request.url!.slice("/some/where".length);
      if (!isFor(request, INFO)) return false;
      response.end(readFileSync(folder + request.url, "utf8").replace(/^URL: .*$/m, "$&?hash=1"));
      return true;
    };
    for (const url of [`${server.url}/some/where`, `${server.url}/some/where/`]) {
      await using store = open({}, url);
      await expectNar(store, root);
    }
    expect(asked(NAR).some((url) => url.endsWith("?hash=1"))).toBe(true);
  });

  describe("that answers with an error", () => {
    test.each([429, 500, 502, 503, 504])("%i is asked again", async (status) => {
      await using store = open();
      first(1, /nix-cache-info/, (response) => response.writeHead(status).end("busy"));
      await store.storeDir();
      first(1, INFO, (response) => response.writeHead(status).end("busy"));
      await store.pathInfo(root);
      first(1, NAR, (response) => response.writeHead(status).end("busy"));
      await expectNar(store, root);
    });

    test("every time is told about it, after as many attempts as wanted", async () => {
      await using store = open({ attempts: 2 });
      first(99, INFO, (response) => response.writeHead(500).end());
      await expect(store.pathInfo(root)).rejects.toMatchObject({
        code: "ERR_BINARY_CACHE",
        message: expect.stringContaining("500"),
      });
      expect(asked(INFO)).toHaveLength(2);
    });

    test("is left alone for as long as it asks for, unless that is too long", async () => {
      await using store = open({ attempts: 2 });
      await store.storeDir();
      const started = performance.now();
      first(1, INFO, (response) => response.writeHead(429, { "retry-after": "1" }).end());
      await store.pathInfo(root);
      // Not before; how much later is the machine's business.
      expect(performance.now() - started).toBeGreaterThan(950);
      for (const later of ["86400", new Date(Date.now() + 86_400_000).toUTCString()]) {
        first(1, INFO, (response) => response.writeHead(503, { "retry-after": later }).end());
        await expect(store.pathInfo(large)).rejects.toMatchObject({ code: "ERR_BINARY_CACHE" });
      }
      first(1, INFO, (response) =>
        response.writeHead(503, { "retry-after": new Date(0).toUTCString() }).end(),
      );
      await store.pathInfo(large);
    });

    test.each([400, 401, 405, 501])("%i is not asked again", async (status) => {
      await using store = open();
      first(99, INFO, (response) => response.writeHead(status).end());
      await expect(store.pathInfo(root)).rejects.toMatchObject({
        code: "ERR_BINARY_CACHE",
        message: expect.stringContaining(String(status)),
      });
      expect(asked(INFO)).toHaveLength(1);
    });

    test.each([403, 404, 410])("%i does not have what was asked for", async (status) => {
      await using store = open();
      await store.storeDir();
      first(1, INFO, (response) => response.writeHead(status).end());
      expect(await store.pathInfo(root)).toBeUndefined();
      await store.pathInfo(root);
      first(1, NAR, (response) => response.writeHead(status).end());
      await expect(bytesOf(store.nar(root))).rejects.toMatchObject({
        code: "ERR_BINARY_CACHE",
        details: { absent: true },
      });
      first(1, /nix-cache-info/, (response) => response.writeHead(status).end());
      await expect(openBinaryCache(server.url)).rejects.toMatchObject({ code: "ERR_BINARY_CACHE" });
    });
  });

  describe("whose line is bad", () => {
    test("is asked again when it hangs up before the answer", async () => {
      await using store = open();
      first(1, INFO, (response) => response.socket!.resetAndDestroy());
      await store.pathInfo(root);
      expect(asked(INFO)).toHaveLength(2);
    });

    test("goes on where a NAR was cut off", async () => {
      await using store = open();
      const file = readFileSync(narFile(folder, large));
      first(2, NAR, (response, request) => {
        const start = Number(/\d+/.exec(request.headers.range ?? "0")![0]);
        if (start > 0)
          response.writeHead(206, {
            "content-range": `bytes ${String(start)}-${String(file.length - 1)}/${String(file.length)}`,
          });
        else response.writeHead(200, { "content-length": file.length });
        response.write(file.subarray(start, start + 1_000_000), () => response.socket!.destroy());
      });
      await expectNar(store, large);
      expect(asked(NAR)).toHaveLength(3);
      expect(server.requests.at(-1)!.headers.range).toMatch(/^bytes=\d+-$/);
    });

    test("begins again, and leaves out what was read, where the server knows no ranges", async () => {
      await using store = open();
      const file = readFileSync(narFile(folder, large));
      let times = 0;
      server.misbehave = (request, response) => {
        if (!isFor(request, NAR)) return false;
        response.writeHead(200, { "content-length": file.length });
        if (++times > 1) response.end(file);
        else response.write(file.subarray(0, 1_000_000), () => response.socket!.destroy());
        return true;
      };
      await expectNar(store, large);
      expect(times).toBe(2);
    });

    test("is told about when every attempt is cut off", async () => {
      await using store = open({ attempts: 2 });
      first(99, NAR, (response) => {
        response.writeHead(200, { "content-length": 1000 });
        response.write("x".repeat(100), () => response.socket!.destroy());
      });
      await expect(bytesOf(store.nar(large))).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(BINARY_CACHE|COMPRESSION)$/),
      });
      await expectNoRequest();
    });

    test("is noticed where the answer itself does not tell its length", async () => {
      await using store = open({ attempts: 1 });
      const file = readFileSync(narFile(folder, large));
      first(1, NAR, (response) => {
        response.writeHead(200, { connection: "close" });
        response.useChunkedEncodingByDefault = false;
        response.end(file.subarray(0, 1_000_000));
      });
      await expect(bytesOf(store.nar(large))).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(NAR_HASH|COMPRESSION|BINARY_CACHE)$/),
      });
    });

    test("is not waited for for ever", async () => {
      await using store = open({ attempts: 2, silence: 200 });
      first(1, INFO, () => undefined);
      await store.pathInfo(large);
      first(99, NAR, (response) => {
        response.writeHead(200);
        response.write(readFileSync(narFile(folder, large)).subarray(0, 1000));
      });
      await expect(bytesOf(store.nar(large))).rejects.toMatchObject({
        code: "ERR_BINARY_CACHE",
        message: expect.stringContaining("silent"),
      });
      await expectNoRequest();
    });

    test("may be as slow as its reader: a reader that takes its time is no silence", async () => {
      await using store = open({ attempts: 1, silence: 600 });
      const pieces: Uint8Array[] = [];
      for await (const piece of store.nar(large)) {
        if (pieces.push(piece) === 1) await sleep(500);
      }
      expect(Buffer.concat(pieces).equals(await dumped(large))).toBe(true);
    });

    test("or leads nowhere is told with its reason", async () => {
      const { url } = server;
      await server[Symbol.asyncDispose]();
      const refused = openBinaryCache(url);
      server = await serveCache(folder);
      await expect(refused).rejects.toMatchObject({
        code: "ERR_BINARY_CACHE",
        message: expect.stringContaining("nothing listens there"),
      });
    });
  });

  test("sends something else, or without end, and is refused", async () => {
    await using store = open();
    let sent = 0;
    first(1, INFO, (response) => {
      const more = (): void => {
        while (!response.destroyed && response.write("Note: x\n".repeat(1000))) sent += 8000;
      };
      response.on("drain", more);
      more();
    });
    await expect(store.pathInfo(root)).rejects.toMatchObject({
      code: "ERR_BINARY_CACHE",
      message: expect.stringContaining("more than"),
    });
    await expectNoRequest();
    expect(sent).toBeLessThan(64 << 20);
    first(1, INFO, (response) => response.end("<html>Welcome to the hotel's network</html>\n"));
    await expect(store.pathInfo(root)).rejects.toMatchObject({ code: "ERR_BINARY_CACHE" });
    for (const junk of ["something else", ""]) {
      first(1, NAR, (response) => response.end(junk));
      await expect(bytesOf(store.nar(large))).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(NAR_HASH|COMPRESSION)$/),
      });
    }
    first(1, NAR, (response) => response.end(readFileSync(narFile(folder, root))));
    await expect(bytesOf(store.nar(large))).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(NAR_HASH|COMPRESSION)$/),
    });
  });

  describe("that wants to know who asks", () => {
    const header = `Basic ${Buffer.from("some one:pass:word").toString("base64")}`;
    const wantLogin = (): void => {
      server.misbehave = (request, response) => {
        if (request.headers.authorization === header) return false;
        response.writeHead(401).end();
        return true;
      };
    };
    const url = (): string => server.url.replace("//", "//some%20one:pass%3aword@");

    test("is told, and nobody else is: neither errors nor the host that a redirect leads to", async () => {
      wantLogin();
      await using other = await serveCache(folder);
      await using store = open({}, url());
      await store.closure(root);
      const wants = server.misbehave;
      server.misbehave = (request, response) => {
        if (!isFor(request, NAR)) return wants(request, response);
        response.writeHead(302, { location: other.url + request.url! }).end();
        return true;
      };
      await expectNar(store, root);
      expect(other.requests).toHaveLength(1);
      expect(other.requests[0]!.headers).not.toHaveProperty("authorization");
      server.misbehave = (_, response) => {
        response.writeHead(400).end();
        return true;
      };
      await using failing = open({}, url());
      const error: unknown = await failing.pathInfo(root).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "ERR_BINARY_CACHE" });
      expect(`${String(error)} ${JSON.stringify(error)} ${failing.url}`).not.toMatch(/pass|some%20one/);
    });

    test("is told by the netrc file", async () => {
      wantLogin();
      const netrcFile = room.folder.join("netrc");
      for (const text of [
        `machine 127.0.0.1 login "some one" password pass:word\n`,
        `# a comment\nmachine other.example\n  login x\n  password y\nmacdef init\ncd /\nmachine 127.0.0.1 login no password no\n\nmachine 127.0.0.1\n\tlogin "some one"\n\taccount z\n\tpassword "pass:wor\\d"\n`,
        `machine other.example login x password y\ndefault login "some one" password pass:word`,
      ]) {
        writeFileSync(netrcFile, text);
        await using store = open({ netrcFile });
        await store.pathInfo(root);
      }
      writeFileSync(netrcFile, "machine other.example login x password y");
      await using stranger = open({ netrcFile });
      await expect(stranger.pathInfo(root)).rejects.toMatchObject({
        code: "ERR_BINARY_CACHE",
        hint: expect.stringContaining("netrc"),
      });
      await using absent = open({ netrcFile: room.folder.join("no-netrc") });
      await expect(absent.pathInfo(root)).rejects.toMatchObject({ code: "ERR_BINARY_CACHE" });
      expect(() => open({ netrcFile: room.folder.path })).toThrow(
        expect.objectContaining({ code: "ERR_FILE_READ" }),
      );
    });
  });

  describe("is left", () => {
    const stall = (response: ServerResponse): void => {
      response.writeHead(200);
      response.write(" ");
    };

    test("by a closure whose signal aborts, at once and with all its questions", async () => {
      await using store = open();
      await store.pathInfo(root);
      first(99, INFO, stall);
      const abort = new AbortController();
      const asking = store.closure(root, { signal: abort.signal });
      const outcome = expect(asking).rejects.toBe("enough");
      await vi.waitFor(() => expect(asked(INFO).length).toBeGreaterThan(20), 60_000);
      abort.abort("enough");
      await outcome;
      await expectNoRequest();
      const before = server.requests.length;
      await sleep(50);
      expect(server.requests).toHaveLength(before);
      server.misbehave = () => false;
      expect((await store.closure(root)).size).toBe(count);
      await vi.waitFor(() => expect(server.open).toBe(0), { timeout: 30_000, interval: 200 });
    });

    test("by a closure that fails, with all its questions", async () => {
      await using store = open();
      await store.pathInfo(root);
      let times = 0;
      first(99, INFO, (response) => {
        if (++times === 10) response.end("no narinfo\n");
        else stall(response);
      });
      await expect(store.closure(root)).rejects.toMatchObject({ code: "ERR_BINARY_CACHE" });
      await expectNoRequest();
    });

    test.each(["the signal", "the reader", "close()"])("in the middle of a NAR by %s", async (who) => {
      const store = open();
      const file = readFileSync(narFile(folder, large));
      first(1, NAR, (response) => {
        response.writeHead(200, { "content-length": file.length });
        response.write(file.subarray(0, file.length >> 1));
      });
      const abort = new AbortController();
      const reading = store.nar(large, { signal: abort.signal });
      await reading.next();
      if (who === "the signal") abort.abort("enough");
      else if (who === "the reader") await reading.return(undefined);
      else await store.close();
      await expectNoRequest();
      if (who === "the signal") await expect(reading.next()).rejects.toBe("enough");
      await store.close();
    });

    test("while it pauses between attempts", async () => {
      await using store = open();
      await store.storeDir();
      first(1, INFO, (response) => response.writeHead(503, { "retry-after": "50" }).end());
      const abort = new AbortController();
      const asking = store.pathInfo(root, { signal: abort.signal });
      const outcome = expect(asking).rejects.toBe("enough");
      await vi.waitFor(() => expect(asked(INFO)).toHaveLength(1), 60_000);
      await sleep(50);
      abort.abort("enough");
      await outcome;
    });

    test("by a script that asks one question, which ends by itself", async () => {
      const script = `
        const store = new laminix.BinaryCacheStore(${JSON.stringify(`${server.url}?trusted-public-keys=${room.key.public}`)});
        const closure = await store.closure(${JSON.stringify(root)});
        let size = 0;
        for await (const piece of store.open(${JSON.stringify(large)}).nar()) size += piece.length;
        print({ paths: closure.size, size });`;
      const result = await runScript(script, { timeout: 60_000 });
      expect(result).toMatchObject({ code: 0, stderr: "", timedOut: false });
      expect(JSON.parse(result.stdout.toString())).toEqual({
        paths: count,
        size: (await dumped(large)).length,
      });
    });
  });
});
