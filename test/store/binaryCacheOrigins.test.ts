/** What a binary cache leads to: other servers get none of its credentials, and its NARs may be with them. */
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { type BinaryCacheOptions, BinaryCacheStore } from "../../dist/index.js";
import { HttpReader } from "../../dist/store/binaryCache/httpFiles.js";
import { NarFiles } from "../../dist/store/binaryCache/narFiles.js";
import { fingerprint } from "../../dist/store/binaryCache/signature.js";
import { runMain } from "../cli/commandLine.js";
import { makeCertificate } from "../support/certificate.js";
import { failureOf } from "../support/failure.js";
import { bytesOf } from "../support/members.js";
import { type RecordedRequest, RecordingServer, redirect } from "../support/recordingServer.js";
import { describeWith } from "../support/requirements.js";
import { temporaryFolder } from "../support/temporary.js";

const PASSWORD = "marked-password";
const basic = Buffer.from(`user:${PASSWORD}`).toString("base64");
const MARKED = new RegExp(`${PASSWORD}|${basic}`);
const path = `/nix/store/${"1".repeat(32)}-x`;

/** A NAR of one file (Nix's thesis, figure 5.2). */
const nar = Buffer.concat(
  ["nix-archive-1", "(", "type", "regular", "contents", "some text", ")"].map((text) => {
    const bytes = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8);
    bytes.writeBigUInt64LE(BigInt(text.length));
    bytes.write(text, 8);
    return bytes;
  }),
);
const narHash = `sha256-${createHash("sha256").update(nar).digest("base64")}`;
const keys = generateKeyPairSync("ed25519");
const publicKey = `key:${Buffer.from(keys.publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64")}`;

const narInfo = (url: string): string => {
  const facts = { path, narHash, narSize: nar.length, references: [] };
  const signature = sign(null, Buffer.from(fingerprint(facts as never)), keys.privateKey).toString("base64");
  return [
    ...[`StorePath: ${path}`, `URL: ${url}`, "Compression: none", `NarHash: ${narHash}`],
    ...[`NarSize: ${nar.length}`, "References: ", `Sig: key:${signature}`, ""],
  ].join("\n");
};

let cache: RecordingServer;
let other: RecordingServer;
let servers: RecordingServer[];
/** Where the cache's narinfo says that the NAR is. */
let narUrl: string;

/** The cache's answers to those who have the password, or to all. */
const serve = (server: RecordingServer, who: "all" | "known" = "all"): void => {
  server.answer = ({ url, headers }, response) => {
    if (who === "known" && headers.authorization !== `Basic ${basic}`) response.writeHead(401).end();
    else if (url.endsWith("/nix-cache-info")) response.end("StoreDir: /nix/store\n");
    else if (url.endsWith(".narinfo")) response.end(narInfo(narUrl));
    else if (url.includes("/nar/")) response.end(nar);
    else response.writeHead(404).end();
  };
};

beforeEach(async () => {
  cache = await RecordingServer.start();
  other = await RecordingServer.start({ name: "localhost" });
  servers = [cache, other];
  narUrl = "nar/x.nar";
  serve(cache, "known");
  serve(other);
  return async () => {
    for (const each of servers) await each[Symbol.asyncDispose]();
  };
});

const withPassword = (url: string): string => url.replace("//", `//user:${PASSWORD}@`);
const open = (options: BinaryCacheOptions = {}, url = withPassword(cache.url)): BinaryCacheStore =>
  new BinaryCacheStore(url, { trustedPublicKeys: [publicKey], attempts: 1, ...options });
const read = async (store: BinaryCacheStore): Promise<Buffer> => {
  try {
    return await bytesOf(store.nar(path));
  } finally {
    await store.close();
  }
};
const secretsSeenBy = ({ seen }: RecordingServer): RecordedRequest[] =>
  seen.filter((request) => MARKED.test(JSON.stringify(request)));

describe("a binary cache that asks for credentials", () => {
  test("is told, and no other origin that it leads to, on its host or another, there and back again", async () => {
    const port = await RecordingServer.start();
    servers.push(port);
    serve(port);
    const answer = cache.answer;
    for (const to of [other, port]) {
      cache.answer = (request, response) => {
        if (request.url.startsWith("/back/"))
          answer({ ...request, url: request.url.slice("/back".length) }, response);
        else redirect(`${to.url.replace("//", "//someone:else@")}${request.url}`)(response);
      };
      to.answer = ({ url }, response) => {
        redirect(`${cache.url}/back${url}`)(response);
      };
      expect((await read(open())).equals(nar)).toBe(true);
      expect(to.seen).toHaveLength(3);
      expect(to.seen.map(({ headers }) => headers.authorization).filter(Boolean)).toEqual([]);
    }
    cache.answer = ({ url }, response) => {
      redirect(`${cache.url.replace("127.0.0.1", "localhost")}${url}`)(response);
    };
    await failureOf(read(open()));
    expect(secretsSeenBy(cache).every(({ headers }) => headers.host === cache.host)).toBe(true);
  });

  test("is told by the netrc file, and no other host", async () => {
    await using folder = await temporaryFolder();
    const netrcFile = folder.join("netrc");
    writeFileSync(netrcFile, `machine 127.0.0.1 login user password ${PASSWORD}\n`);
    narUrl = `${other.url}/nar/x.nar`;
    expect((await read(open({ netrcFile, allowNarHosts: [other.host] }, cache.url))).equals(nar)).toBe(true);
    expect(secretsSeenBy(cache)).not.toEqual([]);
    expect([other.seen.length, secretsSeenBy(other)]).toEqual([1, []]);
  });

  test("is not followed in circles, nor to what is not HTTP", async () => {
    for (const [to, why] of [
      [`${cache.url}/again`, "too many redirects"],
      ["file:///etc/passwd", "no URL of HTTP"],
      ["http://", "no URL of HTTP"],
    ] as const) {
      cache.answer = (_, response) => {
        redirect(to)(response);
      };
      const error = await failureOf(read(open()));
      expect(error).toMatchObject({ code: "ERR_BINARY_CACHE" });
      expect(error.message).toContain(why);
    }
    expect(cache.seen.length).toBeLessThan(20);
  });
});

describe("a NAR with an absolute URL in its narinfo", () => {
  test("is read from the cache's own origin, with its credentials", async () => {
    narUrl = `${cache.url}/elsewhere/nar/x.nar?hash=1`;
    expect((await read(open({}, `${withPassword(cache.url)}/below`))).equals(nar)).toBe(true);
    expect(cache.seen.at(-1)).toMatchObject({
      url: "/elsewhere/nar/x.nar?hash=1",
      headers: { authorization: `Basic ${basic}` },
    });
  });

  test("is read from another origin only where that is allowed, and without credentials", async () => {
    narUrl = `${other.url}/nar/x.nar?signed=marked-password`;
    for (const allowNarHosts of [[], ["localhost"], [`127.0.0.1:${other.host.split(":")[1] ?? ""}`]]) {
      const error = await failureOf(read(open({ allowNarHosts })));
      expect(error).toMatchObject({
        code: "ERR_BINARY_CACHE",
        hint: `allow it with --allow-nar-host ${other.host} (allowNarHosts); its NARs are verified like all others`,
        details: { host: other.host, url: `${other.url}/nar/x.nar?signed=***` },
      });
    }
    expect(other.seen).toEqual([]);
    expect((await read(open({ allowNarHosts: ["a.example", other.host] }))).equals(nar)).toBe(true);
    expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test("is known before it is allowed", async () => {
    narUrl = `${other.url}/nar/x.nar`;
    await using store = open();
    expect((await store.closure(path)).narSize).toBe(nar.length);
  });

  test("has the hash that was signed, whoever sends it", async () => {
    narUrl = `${other.url}/nar/x.nar`;
    const lie = Buffer.from(nar.toString("latin1").replace("some text", "some lies"), "latin1");
    other.answer = (_, response) => response.end(lie);
    const options = { allowNarHosts: [other.host] };
    expect(await failureOf(read(open(options)))).toMatchObject({ code: "ERR_NAR_HASH" });
    const trustedPublicKeys = [`key:${Buffer.alloc(32, 1).toString("base64")}`];
    other.seen.length = 0;
    expect(await failureOf(read(open({ ...options, trustedPublicKeys })))).toMatchObject({
      code: "ERR_SIGNATURE",
    });
    expect(other.seen).toEqual([]);
  });

  test("is read for a cache in a folder too, where that is allowed", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("nar"));
    writeFileSync(folder.join("nix-cache-info"), "StoreDir: /nix/store\n");
    writeFileSync(folder.join(`${"1".repeat(32)}.narinfo`), narInfo(`${other.url}/nar/x.nar`));
    const url = `file://${folder.path}`;
    expect(await failureOf(read(open({}, url)))).toMatchObject({
      code: "ERR_BINARY_CACHE",
      details: { host: other.host },
    });
    expect(other.seen).toEqual([]);
    expect((await read(open({ allowNarHosts: [other.host] }, url))).equals(nar)).toBe(true);
  });

  test("is not read by http for a cache that is read by https, allowed or not", async () => {
    const reader = new HttpReader({ authorization: undefined, attempts: 1, silence: 1000 });
    const nars = (base: string): NarFiles =>
      new NarFiles({ read: () => expect.unreachable() }, reader, {
        base: new URL(base),
        allowed: ["a.example", "b.example:8443", "[::1]:80"],
      });
    const asked = (base: string, url: string) => (): unknown => nars(base).read(new URL(url), {});
    const refused = expect.objectContaining({ code: "ERR_BINARY_CACHE" });
    expect(asked("https://cache.example/", "http://a.example/x")).toThrow(refused);
    expect(asked("https://cache.example/", "http://cache.example/x")).toThrow(refused);
    expect(asked("https://cache.example/", "https://cache.example:8443/x")).toThrow(refused);
    expect(asked("https://cache.example/", "https://b.example/x")).toThrow(refused);
    for (const url of ["https://a.example/x", "https://a.example:443/x", "https://b.example:8443/x"])
      expect(asked("https://cache.example/", url)).not.toThrow();
    expect(asked("http://cache.example/", "http://[::1]/x")).not.toThrow();
  });

  test("may be allowed on the command line", async () => {
    serve(cache);
    narUrl = `${other.url}/nar/x.nar`;
    const store = `${cache.url}?trusted-public-keys=${publicKey}`;
    const stream = (...more: string[]) => runMain(["stream", path, "--store", store, ...more]);
    const refused = await stream();
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining(`hint: allow it with --allow-nar-host ${other.host}`),
    ]);
    expect(await stream("--allow-nar-host", "a.example", "--allow-nar-host", other.host)).toMatchObject({
      code: 0,
    });
    for (const wrong of [
      ["stream", path, "--allow-nar-host", "http://host/"],
      ["store", "--allow-nar-host", "host"],
    ])
      expect((await runMain(wrong)).code).toBe(2);
  });
});

describeWith(["openssl"], "a binary cache that speaks TLS", () => {
  test("leads nobody out of it", async () => {
    await using room = await temporaryFolder();
    const { key, cert } = await makeCertificate(room.path, "localhost");
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    try {
      const safe = await RecordingServer.start({ tls: { key: readFileSync(key), cert: readFileSync(cert) } });
      servers.push(safe);
      serve(safe, "known");
      const { answer } = safe;
      safe.answer = (request, response) => {
        if (request.url.includes("/nar/")) redirect(`${other.url}${request.url}`)(response);
        else answer(request, response);
      };
      const error = await failureOf(read(open({}, withPassword(safe.url))));
      expect(error).toMatchObject({ code: "ERR_BINARY_CACHE" });
      expect(error.message).toContain("from https to http");
      expect(other.seen).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
