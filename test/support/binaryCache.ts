import { once } from "node:events";
import { createReadStream, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import path from "node:path";
import type { NixStore } from "./nixStore.js";
import { mustRun } from "./run.js";
import { type TemporaryFolder, temporaryFolder } from "./temporary.js";

export interface SigningKey {
  /** The file of the secret key. */
  readonly secret: string;
  /** `name:base64`. */
  readonly public: string;
}

export async function makeKey(folder: TemporaryFolder, name: string): Promise<SigningKey> {
  const [secret, open] = [folder.join(`${name}.secret`), folder.join(`${name}.public`)];
  await mustRun("nix-store", ["--generate-binary-cache-key", name, secret, open]);
  return { secret, public: readFileSync(open, "utf8").trim() };
}

/** Copies paths, and what they reference, into a binary cache in a folder, as Nix itself makes one. */
export async function copyTo(
  folder: string,
  store: NixStore,
  paths: readonly string[],
  parameters: Readonly<Record<string, string>> = {},
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  await store.run("nix", ["copy", "--to", `file://${folder}?${query.join("&")}`, ...paths]);
}

/** Changes a narinfo of a cache in a folder. */
export function editNarInfo(folder: string, storePath: string, edit: (text: string) => string): void {
  const file = narInfoFile(folder, storePath);
  writeFileSync(file, edit(readFileSync(file, "utf8")));
}

export function narInfoFile(folder: string, storePath: string): string {
  return path.join(folder, `${path.basename(storePath).slice(0, 32)}.narinfo`);
}

/** The file of a path's NAR in a cache in a folder. */
export function narFile(folder: string, storePath: string): string {
  const [, url = ""] = /^URL: (.*)$/m.exec(readFileSync(narInfoFile(folder, storePath), "utf8")) ?? [];
  return path.join(folder, url);
}

/** Answers a request in its own way, and says so with `true`. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface CacheServer extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  /** What was asked for, in order. */
  readonly requests: readonly IncomingMessage[];
  /** Connections made so far. */
  readonly connections: number;
  /** Connections that are open now; Node 20's `fetch` opens a spare one in place of one that it has ended. */
  readonly open: number;
  /** Requests that are being answered now. */
  readonly busy: number;
  misbehave: Misbehaviour;
}

/** Serves a folder over HTTP, with connections that are kept alive and with ranges. */
export async function serveCache(folder: string): Promise<CacheServer> {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let busy = 0;
  const server = createServer({ keepAlive: true }, (request, response) => {
    requests.push(request);
    busy++;
    response.on("close", () => busy--);
    if (cache.misbehave(request, response)) return;
    const file = path.join(folder, decodeURIComponent(new URL(request.url!, "http://x").pathname));
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) {
      response.writeHead(404).end("not here");
      return;
    }
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.setHeader("content-length", size - start);
    if (start > 0)
      response.writeHead(206, {
        "content-range": `bytes ${String(start)}-${String(size - 1)}/${String(size)}`,
      });
    createReadStream(file, { start }).pipe(response);
  });
  server.on("connection", (socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const cache: CacheServer = {
    url: `http://${host}`,
    host,
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    get busy() {
      return busy;
    },
    misbehave: () => false,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return cache;
}

export interface TestCache extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly key: SigningKey;
}

/** A folder with a key in it, and room for caches. */
export async function cacheRoom(): Promise<TestCache> {
  const folder = await temporaryFolder("cache");
  const key = await makeKey(folder, "test-1");
  return { folder, key, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
