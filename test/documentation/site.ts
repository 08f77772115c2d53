/** The hosts that the pages name, on this machine: behind a proxy, with a certificate that has their names. */
import { mkdirSync, readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { createServer } from "node:https";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type CacheServer, makeKey, serveCache, type SigningKey } from "../support/binaryCache.js";
import { makeCertificate } from "../support/certificate.js";
import { type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import type { TemporaryFolder } from "../support/temporary.js";
import { startTunnels } from "../support/tunnels.js";

const REGISTRIES = ["registry.example", "other.example", "registry-1.docker.io"];
/** Asks for a password. */
export const PRIVATE = "private.example";
export const CACHE = "cache.example";

export interface Site extends AsyncDisposable {
  /** What lets programs find the hosts, and trust them. */
  readonly env: Readonly<Record<string, string>>;
  /** What {@link CACHE} serves, and the key that it is signed with. */
  readonly cacheFolder: string;
  readonly key: SigningKey;
  readonly cache: CacheServer;
  readonly registry: ImageRegistry;
}

export async function startSite(folder: TemporaryFolder): Promise<Site> {
  const cacheFolder = folder.join("cache");
  mkdirSync(cacheFolder);
  mkdirSync(folder.join("certificate"));
  const names = [...REGISTRIES, PRIVATE, CACHE];
  const certificate = await makeCertificate(
    folder.join("certificate"),
    "documentation",
    names.map((name) => `DNS:${name}`).join(","),
  );
  const tls = { key: readFileSync(certificate.key), cert: readFileSync(certificate.cert) };
  const [registry, locked, cache] = await Promise.all([
    startImageRegistry({ plain: true }),
    startImageRegistry({ plain: true, auth: { kind: "password" } }),
    serveCache(cacheFolder),
  ]);
  const hosts: Readonly<Record<string, string>> = { [PRIVATE]: locked.host, [CACHE]: cache.host };

  const front = createServer(tls, (request, response) => {
    const [host, port] = (hosts[request.headers.host ?? ""] ?? registry.host).split(":");
    const headers = { ...request.headers, "x-forwarded-proto": "https" };
    const { method, url } = request;
    const onward = httpRequest({ host, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const tunnels = await startTunnels(`127.0.0.1:${(front.address() as AddressInfo).port}`);
  return {
    env: {
      HTTPS_PROXY: tunnels.url,
      NO_PROXY: "localhost,127.0.0.1",
      NODE_EXTRA_CA_CERTS: certificate.cert,
      SSL_CERT_FILE: certificate.cert,
    },
    cacheFolder,
    cache,
    key: await makeKey(folder, "cache.example-1"),
    registry,
    [Symbol.asyncDispose]: async () => {
      await tunnels[Symbol.asyncDispose]();
      front.closeAllConnections();
      front.close();
      await once(front, "close");
      for (const server of [registry, locked, cache]) await server[Symbol.asyncDispose]();
    },
  };
}
