/** Credentials belong to an origin. Every server here remembers what it is told, and only the right one is told secrets. */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EngineClient } from "../../../dist/transports/engine/client.js";
import { engineHost } from "../../../dist/transports/engine/host.js";
import { listImages } from "../../../dist/transports/engine/images.js";
import { loadArchive } from "../../../dist/transports/engine/load.js";
import { fetchBlob, hasBlob } from "../../../dist/transports/registry/blobs.js";
import { RegistryClient, type RegistryOptions } from "../../../dist/transports/registry/client.js";
import { getManifest, headManifest } from "../../../dist/transports/registry/manifests.js";
import { uploadBlob } from "../../../dist/transports/registry/upload.js";
import { makeCertificate } from "../../support/certificate.js";
import { failureOf } from "../../support/failure.js";
import { sha256 } from "../../support/images.js";
import { bytesOf } from "../../support/members.js";
import { type RecordedRequest, RecordingServer, redirect } from "../../support/recordingServer.js";
import { describeWith } from "../../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";

const PASSWORD = "marked-password";
const IDENTITY = "marked-identity-token";
const TOKEN = "marked-access-token";
const basic = Buffer.from(`user:${PASSWORD}`).toString("base64");
const MARKED = new RegExp([PASSWORD, basic, IDENTITY, TOKEN].join("|"));
const BYTES = "the bytes of a blob";
const digest: `sha256:${string}` = `sha256:${sha256(BYTES)}`;
const blob = {
  digest,
  size: BYTES.length,
  open: async function* () {
    yield Buffer.from(BYTES);
  },
};

let folder: TemporaryFolder;
let registry: RecordingServer;
let other: RecordingServer;
let servers: RecordingServer[];

beforeEach(async () => {
  folder = await temporaryFolder();
  registry = await RecordingServer.start();
  other = await RecordingServer.start({ name: "localhost" });
  servers = [registry, other];
  return async () => {
    for (const each of [...servers, folder]) await each[Symbol.asyncDispose]();
  };
});

const started = async (...options: Parameters<typeof RecordingServer.start>): Promise<RecordingServer> => {
  const server = await RecordingServer.start(...options);
  servers.push(server);
  return server;
};

const open = (
  host: string,
  options: RegistryOptions = { plainHttp: true },
  entry: object = { auth: basic },
  environment: NodeJS.ProcessEnv = {},
): RegistryClient => {
  const file = folder.join("auth.json");
  writeFileSync(file, JSON.stringify({ auths: { [host]: entry } }));
  return new RegistryClient(host, {
    environment: { HOME: folder.path, REGISTRY_AUTH_FILE: file, ...environment },
    attempts: 1,
    ...options,
  });
};

const secretsSeenBy = (server: RecordingServer): RecordedRequest[] =>
  server.seen.filter((request) => MARKED.test(JSON.stringify(request)));
const asksBasic = { "www-authenticate": 'Basic realm="r"' };
const asksBearer = (realm: string) => ({ "www-authenticate": `Bearer realm="${realm}",service="s"` });

/** Lets in by name and password, and is led elsewhere by `lead`. */
const lettingInByPassword = (
  server: RecordingServer,
  lead: (request: RecordedRequest) => string | undefined,
) => {
  server.answer = (request, response) => {
    const to = request.headers.authorization === `Basic ${basic}` ? lead(request) : undefined;
    if (to !== undefined) redirect(to)(response);
    else if (request.headers.authorization === `Basic ${basic}`) response.writeHead(404).end();
    else response.writeHead(401, asksBasic).end();
  };
};

describe("a server that a registry leads to gets none of its credentials", () => {
  const questions = [
    (client: RegistryClient) => headManifest(client, "a/b", "1"),
    (client: RegistryClient) => getManifest(client, "a/b", "1"),
    (client: RegistryClient) => hasBlob(client, "a/b", digest),
    (client: RegistryClient) => bytesOf(fetchBlob(client, "a/b", blob)),
    (client: RegistryClient) => uploadBlob(client, "a/b", blob),
  ];

  test.each([
    ["Basic", () => asksBasic],
    ["Bearer, its own realm", () => asksBearer(`${other.url}/token`)],
    ["Bearer, the registry as realm", () => asksBearer(`${registry.url}/token`)],
  ])("when the first question leads there, and it asks for %s", async (_, asks) => {
    registry.answer = ({ url }, response) => {
      redirect(`${other.url}${url}`)(response);
    };
    other.answer = (_request, response) => response.writeHead(401, asks()).end();
    for (const question of questions) {
      await using client = open(registry.host);
      const error = await failureOf(question(client));
      expect(error.code).toMatch(/^ERR_REGISTRY/);
    }
    expect(other.seen.length).toBeGreaterThan(questions.length);
    expect([secretsSeenBy(other), secretsSeenBy(registry)]).toEqual([[], []]);
  });

  test("and the error tells that it asks for some", async () => {
    registry.answer = ({ url }, response) => {
      redirect(`${other.url}${url}`)(response);
    };
    other.answer = (_request, response) => response.writeHead(401, asksBasic).end();
    await using client = open(registry.host);
    expect(await failureOf(getManifest(client, "a/b", "1"))).toMatchObject({
      code: "ERR_REGISTRY",
      hint: `the credentials for ${registry.host} are sent to no other host; if ${other.host} is the registry itself, put its name into the reference`,
    });
  });

  test("when only manifests and blobs lead there, and asks for them on another port or by another name", async () => {
    const port = (await started()).url;
    const name = registry.url.replace("127.0.0.1", "localhost");
    for (const to of [other.url, port, name]) {
      lettingInByPassword(registry, ({ url }) => (url === "/v2/" ? undefined : `${to}${url}`));
      for (const server of servers) server.seen.length = 0;
      for (const each of servers.slice(1))
        each.answer = (_, response) => response.writeHead(401, asksBearer(`${each.url}/token`)).end();
      for (const question of questions.slice(0, 4)) {
        await using client = open(registry.host);
        await failureOf(question(client));
        // What the other one wants says nothing about the registry.
        lettingInByPassword(registry, () => undefined);
        expect(await hasBlob(client, "a/b", digest)).toBe(false);
        lettingInByPassword(registry, ({ url }) => (url === "/v2/" ? undefined : `${to}${url}`));
      }
      expect(secretsSeenBy(registry).every(({ headers }) => headers.host === registry.host)).toBe(true);
      expect(servers.slice(1).flatMap(secretsSeenBy)).toEqual([]);
    }
  });

  test("when uploads go there", async () => {
    registry.answer = ({ method, headers }, response) => {
      if (headers.authorization !== `Basic ${basic}`) response.writeHead(401, asksBasic).end();
      else if (method === "POST")
        response.writeHead(202, { location: `${other.url.replace("//", "//me:mine@")}/up?signed=1` }).end();
      else response.writeHead(404).end();
    };
    other.answer = (_, response) => response.writeHead(201).end();
    await using client = open(registry.host);
    await uploadBlob(client, "a/b", blob);
    expect(other.seen.map(({ method, body }) => [method, body])).toEqual([["PUT", BYTES]]);
    other.answer = (_, response) => response.writeHead(401, asksBasic).end();
    await failureOf(uploadBlob(client, "a/b", blob));
    expect(other.seen.map(({ method }) => method)).toContain("DELETE");
    expect(other.seen.map(({ headers }) => headers.authorization).filter(Boolean)).toEqual([]);
    expect(secretsSeenBy(other)).toEqual([]);
  });

  test("when it lets in by tokens", async () => {
    const tokens = await started();
    tokens.answer = (_, response) => response.end(JSON.stringify({ token: TOKEN }));
    registry.answer = ({ url, headers }, response) => {
      if (headers.authorization !== `Bearer ${TOKEN}`)
        response.writeHead(401, asksBearer(`${tokens.url}/token`)).end();
      else redirect(`${other.url}${url}`)(response);
    };
    other.answer = (_, response) => response.end(BYTES);
    await using client = open(registry.host);
    expect((await bytesOf(fetchBlob(client, "a/b", blob))).toString()).toBe(BYTES);
    expect(other.seen).toHaveLength(1);
    expect(secretsSeenBy(other)).toEqual([]);
    expect(secretsSeenBy(tokens).map(({ headers }) => headers.authorization)).toEqual([`Basic ${basic}`]);
    expect(new Set(secretsSeenBy(registry).map(({ headers }) => headers.authorization))).toEqual(
      new Set([`Bearer ${TOKEN}`]),
    );
  });

  test("and two registries get their own", async () => {
    for (const server of [registry, other]) {
      server.answer = (_, response) => response.writeHead(401, asksBasic).end();
      await using client = open(server.host);
      await failureOf(headManifest(client, "a/b", "1"));
      await using stranger = open(server.host, { plainHttp: true }, {});
      await failureOf(headManifest(stranger, "a/b", "1"));
    }
    const file = folder.join("auth.json");
    writeFileSync(file, JSON.stringify({ auths: { [registry.host]: { auth: basic } } }));
    other.seen.length = 0;
    const environment = { HOME: folder.path, REGISTRY_AUTH_FILE: file };
    await using its = new RegistryClient(other.host, { plainHttp: true, environment });
    await failureOf(headManifest(its, "a/b", "1"));
    expect(secretsSeenBy(other)).toEqual([]);
  });
});

describe("an authorization server", () => {
  let tokens: RecordingServer;
  beforeEach(async () => {
    tokens = await started();
    registry.answer = ({ headers }, response) => {
      const isIn = headers.authorization === `Bearer ${TOKEN}`;
      response.writeHead(isIn ? 404 : 401, isIn ? {} : asksBearer(`${tokens.url}/token`)).end();
    };
  });

  test("that leads elsewhere takes the password nowhere", async () => {
    tokens.answer = ({ url }, response) => {
      redirect(`${other.url}${url}`)(response);
    };
    other.answer = (_, response) => response.end(JSON.stringify({ token: TOKEN }));
    await using client = open(registry.host);
    await hasBlob(client, "a/b", digest);
    expect(other.seen).toHaveLength(1);
    expect(secretsSeenBy(tokens)).toHaveLength(1);
    expect(secretsSeenBy(other)).toEqual([]);
  });

  test.each([301, 302, 303, 307, 308])("that answers %i takes an identity token nowhere", async (status) => {
    tokens.answer = ({ url }, response) => {
      redirect(`${other.url}${url}`, status)(response);
    };
    await using client = open(registry.host, { plainHttp: true }, { identitytoken: IDENTITY });
    expect(await failureOf(hasBlob(client, "a/b", digest))).toMatchObject({ code: "ERR_REGISTRY_AUTH" });
    expect(secretsSeenBy(tokens)).toHaveLength(1);
    expect([other.seen, secretsSeenBy(registry)]).toEqual([[], []]);
  });

  test("that asks for credentials itself is believed no more than another server", async () => {
    tokens.answer = (_, response) => response.writeHead(401, asksBearer(`${other.url}/token`)).end();
    await using client = open(registry.host);
    expect(await failureOf(hasBlob(client, "a/b", digest))).toMatchObject({ code: "ERR_REGISTRY_AUTH" });
    expect(other.seen).toEqual([]);
  });

  test("beyond this machine gets no password without TLS, unless plain HTTP was asked for", async () => {
    registry.answer = (_, response) =>
      response.writeHead(401, asksBearer("http://tokens.invalid/token")).end();
    // It does not speak TLS, and is on this machine.
    await using client = open(registry.host, {});
    expect(await failureOf(hasBlob(client, "a/b", digest))).toMatchObject({
      code: "ERR_REGISTRY_AUTH",
      message: expect.stringContaining("no https URL"),
    });
    await using plain = open(registry.host, { plainHttp: true });
    expect(await failureOf(hasBlob(plain, "a/b", digest))).toMatchObject({
      code: "ERR_REGISTRY_UNREACHABLE",
    });
    expect(secretsSeenBy(registry)).toEqual([]);
  });
});

test("a proxy gets its own password, and the registry behind it its own", async () => {
  const connects: string[] = [];
  const proxy = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (head) => {
      connects.push(head.toString());
      // All leads to the registry, as far as this proxy goes.
      const { hostname, port } = new URL(registry.url);
      const far = connect(Number(port), hostname, () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(far).pipe(socket);
      });
      far.on("error", () => socket.destroy());
    });
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  try {
    lettingInByPassword(registry, () => undefined);
    const http_proxy = `http://me:proxy-password@127.0.0.1:${String((proxy.address() as AddressInfo).port)}`;
    await using client = open("registry.invalid", { plainHttp: true }, { auth: basic }, { http_proxy });
    expect(await hasBlob(client, "a/b", digest)).toBe(false);
    const proxyBasic = Buffer.from("me:proxy-password").toString("base64");
    expect(connects.length).toBeGreaterThan(0);
    for (const head of connects) {
      expect(head.toLowerCase()).toContain(`proxy-authorization: basic ${proxyBasic}`.toLowerCase());
      expect(head).not.toMatch(MARKED);
    }
    expect(secretsSeenBy(registry)).not.toEqual([]);
    expect(JSON.stringify(registry.seen)).not.toMatch(new RegExp(`proxy-authorization|${proxyBasic}`));
  } finally {
    proxy.close();
  }
});

test("an engine that leads elsewhere is not followed", async () => {
  registry.answer = ({ url }, response) => {
    redirect(`${other.url}${url}`)(response);
  };
  await using client = new EngineClient(engineHost({ host: `tcp://${registry.host}`, environment: {} }));
  const pieces = (async function* () {
    yield Buffer.from("an archive");
  })();
  for (const call of [listImages(client), loadArchive(client, pieces)])
    expect(await failureOf(call)).toMatchObject({ code: "ERR_ENGINE", details: { status: 307 } });
  expect(other.seen).toEqual([]);
});

describeWith(["openssl"], "a registry that speaks TLS", () => {
  let room: TemporaryFolder;
  let tls: { readonly key: Buffer; readonly cert: Buffer };
  let safe: RecordingServer;
  beforeAll(async () => {
    room = await temporaryFolder();
    const { key, cert } = await makeCertificate(room.path, "localhost");
    tls = { key: readFileSync(key), cert: readFileSync(cert) };
  });
  afterAll(() => room[Symbol.asyncDispose]());
  beforeEach(async () => {
    safe = await started({ tls });
  });

  test("sends no password to an authorization server that does not", async () => {
    safe.answer = (_, response) => response.writeHead(401, asksBearer(`${other.url}/token`)).end();
    await using client = open(safe.host, { tlsVerify: false });
    expect(await failureOf(hasBlob(client, "a/b", digest))).toMatchObject({ code: "ERR_REGISTRY_AUTH" });
    expect([other.seen, secretsSeenBy(safe)]).toEqual([[], []]);
  });

  test.each(["/v2/", "/v2/a/b/blobs/"])("leads nobody who asks for %s out of TLS", async (path) => {
    lettingInByPassword(safe, ({ url }) => (url.startsWith(path) ? `${other.url}${url}` : undefined));
    const answer = safe.answer;
    safe.answer = (request, response) => {
      if (path === "/v2/" && request.url === path) redirect(`${other.url}/v2/`)(response);
      else answer(request, response);
    };
    await using client = open(safe.host, { tlsVerify: false });
    expect(await failureOf(hasBlob(client, "a/b", digest))).toMatchObject({
      code: "ERR_REGISTRY",
      message: expect.stringContaining("from https to http"),
    });
    expect(other.seen).toEqual([]);
  });

  test("is not asked without it because a server that it leads to does not speak it", async () => {
    safe.answer = ({ url }, response) => {
      redirect(`https://${other.host}${url}`)(response);
    };
    await using client = open(safe.host, { tlsVerify: false });
    expect(await failureOf(hasBlob(client, "a/b", digest))).toMatchObject({
      code: "ERR_REGISTRY_UNREACHABLE",
      details: { url: `https://${other.host}/v2/`, reason: "no TLS" },
    });
  });
});
