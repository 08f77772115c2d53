/** What a connection holds on to must not change while it has not left. */
import { createHash, type Hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { LaminixError } from "../../dist/errors.js";
import { HttpClient } from "../../dist/http/client.js";
import { makeCertificate } from "../support/certificate.js";
import { bytesOf } from "../support/members.js";
import { Random } from "../support/random.js";
import { temporaryFolder } from "../support/temporary.js";

/** Reads now and then, so that bytes wait in every buffer on the way. */
async function slowDigest(request: IncomingMessage): Promise<string> {
  const hash = createHash("sha256");
  let pieces = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    hash.update(piece);
    if (++pieces % 20 === 0) await sleep(1);
  }
  return hash.digest("hex");
}

const digesting: RequestListener = (request, response) => {
  void slowDigest(request).then((digest) => response.end(digest));
};

/** Pieces of all sizes in one buffer, which is written over as soon as the next one is asked for. */
async function* borrowed(seed: number, hash: Hash): AsyncGenerator<Uint8Array> {
  const random = new Random(seed);
  const buffer = Buffer.alloc(800_000);
  for (let i = 0; i < 120; i++) {
    const piece = buffer.subarray(0, random.below(i % 3 === 0 ? buffer.length : 2000));
    piece.fill(random.bytes(999));
    hash.update(piece);
    yield await Promise.resolve(piece);
    piece.fill(0);
  }
}

async function send(server: Server, scheme: "http" | "https", ca?: Buffer): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new HttpClient({
    environment: {},
    silence: 60_000,
    failure: (url, { kind }) => new LaminixError("ERR_REGISTRY", `${url.href}: ${kind}`),
    tls: () => ({ ca }),
  });
  try {
    const url = new URL(`${scheme}://127.0.0.1:${String((server.address() as AddressInfo).port)}/`);
    const sendings = [1, 2, 3].map(async (seed) => {
      const hash = createHash("sha256");
      const answer = await client.exchange({ method: "PUT", url, body: borrowed(seed, hash) });
      const digest = await bytesOf(answer.bytes());
      expect(digest.toString()).toBe(hash.digest("hex"));
    });
    await Promise.all(sendings);
  } finally {
    await client.close();
    server.close();
  }
}

describe("pieces that are good until the next one is asked for arrive as they were", () => {
  test("by HTTP", () => send(createServer(digesting), "http"));

  test("by HTTPS", async () => {
    await using folder = await temporaryFolder();
    const { key, cert } = await makeCertificate(folder.path, "127.0.0.1", "IP:127.0.0.1");
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, digesting);
    await send(server, "https", readFileSync(cert));
  });
});
