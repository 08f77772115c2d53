/** Registries, binary caches and engines through one proxy: each server is told its own secrets, and no other's. */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { BinaryCacheStore } from "../../dist/index.js";
import { EngineClient } from "../../dist/transports/engine/client.js";
import { engineHost } from "../../dist/transports/engine/host.js";
import { listImages } from "../../dist/transports/engine/images.js";
import { hasBlob } from "../../dist/transports/registry/blobs.js";
import { RegistryClient } from "../../dist/transports/registry/client.js";
import { makeCertificate } from "../support/certificate.js";
import { failureOf } from "../support/failure.js";
import { RecordingServer, redirect } from "../support/recordingServer.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { startTunnels, type Tunnels } from "../support/tunnels.js";

const PASSWORD = "marked-password";
const basic = Buffer.from(`user:${PASSWORD}`).toString("base64");
const PROXY_PASSWORD = "marked-proxy/password";
const proxyBasic = Buffer.from(`me:${PROXY_PASSWORD}`).toString("base64");
const digest = `sha256:${"0".repeat(64)}` as const;

type Scheme = "http" | "https";
type Variables = Readonly<Record<string, string>>;

let folder: TemporaryFolder;
let servers: Readonly<Record<Scheme, RecordingServer>>;
let proxies: Readonly<Record<Scheme, Tunnels>>;

/** Each asks the server of a name once, with the name and password that it has for it. */
const clients: Readonly<
  Record<string, (server: string, scheme: Scheme, variables: Variables) => Promise<unknown>>
> = {
  ERR_REGISTRY_UNREACHABLE: async (server, scheme, variables) => {
    const file = folder.join("auth.json");
    writeFileSync(file, JSON.stringify({ auths: { [server]: { auth: basic } } }));
    const environment = { HOME: folder.path, REGISTRY_AUTH_FILE: file, ...variables };
    const options = { plainHttp: scheme === "http", tlsVerify: false, attempts: 2, firstPause: 1 };
    await using client = new RegistryClient(server, { ...options, environment });
    return await hasBlob(client, "a/b", digest);
  },
  ERR_BINARY_CACHE: async (server, scheme, variables) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    // Of this process as a whole: a cache has no setting for it.
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    await using store = new BinaryCacheStore(`${scheme}://user:${PASSWORD}@${server}`, { attempts: 2 });
    return await store.cacheInfo();
  },
  ERR_ENGINE_UNREACHABLE: async (server, scheme, variables) => {
    const environment = { HOME: folder.path, DOCKER_CERT_PATH: folder.path, ...variables };
    const host = engineHost({ host: `${scheme}://${server}`, environment });
    await using client = new EngineClient(host, { environment });
    return await listImages(client);
  },
};
const each = Object.keys(clients).flatMap((code) =>
  (["http", "https"] as const).map((scheme) => [code, scheme] as const),
);
const asking = (code: string, server: string, scheme: Scheme, variables: Variables): Promise<unknown> =>
  clients[code]!(server, scheme, variables);
const withPassword = (url: string): string =>
  url.replace("//", `//me:${encodeURIComponent(PROXY_PASSWORD)}@`);

describeWith(["openssl"], "a server behind a proxy", () => {
  let tls: { readonly key: Buffer; readonly cert: Buffer };
  beforeAll(async () => {
    folder = await temporaryFolder("proxies");
    const names = "DNS:server.invalid,DNS:other.invalid";
    const { key, cert } = await makeCertificate(folder.path, "server", names);
    tls = { key: readFileSync(key), cert: readFileSync(cert) };
    writeFileSync(folder.join("ca.pem"), tls.cert);
    return () => folder[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    for (const name of ["http_proxy", "https_proxy", "no_proxy"]) {
      vi.stubEnv(name, "");
      vi.stubEnv(name.toUpperCase(), "");
    }
    servers = { http: await RecordingServer.start(), https: await RecordingServer.start({ tls }) };
    proxies = {
      http: await startTunnels(servers.http.host),
      https: await startTunnels(servers.https.host),
    };
    for (const server of Object.values(servers)) {
      server.answer = ({ url, headers }, response) => {
        if (url.startsWith("/v2/") && headers.authorization !== `Basic ${basic}`)
          response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
        else if (url === "/nix-cache-info") response.end("StoreDir: /nix/store\n");
        else if (url === "/images/json") response.end("[]");
        else response.writeHead(404).end();
      };
    }
    return async () => {
      for (const one of [...Object.values(proxies), ...Object.values(servers)])
        await one[Symbol.asyncDispose]();
    };
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test.each(each)("is asked through it, small letters before capitals: %s, %s", async (code, scheme) => {
    const { url, asked } = proxies[scheme];
    const [name, other] = scheme === "http" ? ["http_proxy", "https_proxy"] : ["https_proxy", "http_proxy"];
    const nobody = "http://127.0.0.1:1";
    for (const variables of [
      { [name]: url, [name.toUpperCase()]: nobody, [other]: nobody },
      { [name.toUpperCase()]: url.replace("http://", ""), no_proxy: "er.invalid, server.invalid:1" },
    ]) {
      await asking(code, "server.invalid", scheme, { [name]: "", ...variables });
      expect(new Set(asked.splice(0))).toEqual(
        new Set([`server.invalid:${scheme === "http" ? "80" : "443"}`]),
      );
    }
    expect(servers[scheme].seen.length).toBeGreaterThan(1);
    expect(new Set(servers[scheme].seen.map(({ headers }) => headers.host))).toEqual(
      new Set(["server.invalid"]),
    );
  });

  test.each(each)(
    "is not where the environment, or its being here, says so: %s, %s",
    async (code, scheme) => {
      const { url, asked } = proxies[scheme];
      const proxy = { http_proxy: url, https_proxy: url };
      for (const no_proxy of ["*", "x,server.invalid", ".invalid", "*.invalid y", "SERVER.invalid:4443"]) {
        const failure = failureOf(asking(code, "server.invalid:4443", scheme, { ...proxy, no_proxy }));
        expect(await failure).toMatchObject({ code });
      }
      const { host, seen } = servers[scheme];
      if (scheme === "http") {
        await asking(code, host, scheme, { ...proxy, no_proxy: "" });
        expect(seen).not.toEqual([]);
      }
      expect(asked).toEqual([]);
    },
  );

  test.each(each)("is told its own secrets, and the proxy the proxy's: %s, %s", async (code, scheme) => {
    const { url, heads, asked } = proxies[scheme];
    const { answer, seen } = servers[scheme];
    servers[scheme].answer = (request, response) => {
      const leads = request.headers.host === "server.invalid" && /cache-info|blobs/.test(request.url);
      const isIn = !request.url.startsWith("/v2/") || request.headers.authorization !== undefined;
      if (leads && isIn) redirect(`${scheme}://other.invalid${request.url}`)(response);
      else answer(request, response);
    };
    const proxy = { http_proxy: withPassword(url), https_proxy: withPassword(url) };
    const led = asking(code, "server.invalid", scheme, proxy);
    // The other server asks for a password too, or is none whose certificate need not be right.
    if (code === "ERR_REGISTRY_UNREACHABLE")
      expect(await failureOf(led)).toMatchObject({ code: scheme === "http" ? "ERR_REGISTRY" : code });
    else await led;
    expect(asked.some((each) => each.startsWith("other.invalid:"))).toBe(code !== "ERR_ENGINE_UNREACHABLE");
    expect(heads).not.toEqual([]);
    for (const head of heads) {
      expect(head["proxy-authorization"]).toBe(`Basic ${proxyBasic}`);
      expect(head).not.toHaveProperty("authorization");
    }
    expect(JSON.stringify(seen)).not.toMatch(new RegExp(`proxy-authorization|${proxyBasic}`));
    const told = seen.filter(({ headers }) => headers.authorization !== undefined);
    expect(told.length > 0).toBe(code !== "ERR_ENGINE_UNREACHABLE");
    expect(told.filter(({ headers }) => headers.host !== "server.invalid")).toEqual([]);
  });

  describe("that does not do its part", () => {
    const shown = (error: Error): string =>
      `${error.message} ${JSON.stringify(error)} ${String(error.cause)}`;

    test.each(each)("is told by the proxy's name, without its password: %s, %s", async (code, scheme) => {
      const proxy = proxies[scheme];
      const { url } = proxy;
      const variables = { http_proxy: withPassword(url), https_proxy: withPassword(url) };
      for (const [status, hint] of [
        [407, "name and password before its host"],
        [403, "NO_PROXY"],
      ] as const) {
        proxy.refusal = status;
        proxy.asked.length = 0;
        const error = await failureOf(asking(code, "server.invalid", scheme, variables));
        expect(error).toMatchObject({ code, hint: expect.stringContaining(hint) });
        expect(error.message).toContain(`the proxy ${url} answers ${String(status)}`);
        expect(shown(error)).not.toMatch(/marked/);
        expect(proxy.asked).toHaveLength(1);
      }
      proxy.refusal = 503;
      proxy.asked.length = 0;
      await failureOf(asking(code, "server.invalid", scheme, variables));
      expect(proxy.asked).toHaveLength(code === "ERR_ENGINE_UNREACHABLE" ? 1 : 2);
      await proxy[Symbol.asyncDispose]();
      const error = await failureOf(asking(code, "server.invalid", scheme, variables));
      proxies = { ...proxies, [scheme]: await startTunnels(servers[scheme].host) };
      expect(error).toMatchObject({ code });
      expect(error.message).toContain(`the proxy ${url} cannot be reached: nothing listens there`);
      expect(shown(error)).not.toMatch(/marked/);
      expect(servers[scheme].seen).toEqual([]);
    });

    test.each(Object.keys(clients))("is told where it is no URL: %s", async (code) => {
      for (const url of ["http://me:marked/password@host:1", "socks5://me:marked@host:1", "://"]) {
        const error = await failureOf(asking(code, "server.invalid", "http", { http_proxy: url }));
        expect(error).toMatchObject({ code, hint: expect.stringContaining("http://proxy.example:3128") });
        expect(error.message).toContain("the proxy set in the environment is not a valid URL");
        expect(shown(error)).not.toMatch(/marked/);
      }
    });
  });

  test("an engine behind a socket is asked through none", async () => {
    const server = createServer((_, response) => response.end("[]"));
    const socket = folder.join("engine.sock");
    server.listen(socket);
    await once(server, "listening");
    try {
      const environment = { http_proxy: proxies.http.url };
      const host = engineHost({ host: `unix://${socket}`, environment });
      await using client = new EngineClient(host, { environment });
      expect(await listImages(client)).toEqual([]);
      expect(proxies.http.asked).toEqual([]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
