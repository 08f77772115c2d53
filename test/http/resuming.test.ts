/** Files of a binary cache that break off, or are not sent as they are; registries' blobs are read in the same way. */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { beforeEach, expect, test } from "vitest";
import type { RequestHeaders } from "../../dist/http/client.js";
import { HttpReader } from "../../dist/store/binaryCache/httpFiles.js";
import { failureOf } from "../support/failure.js";
import { bytesOf } from "../support/members.js";
import { Random } from "../support/random.js";
import { RecordingServer } from "../support/recordingServer.js";

const file = new Random(3).bytes(200_000);
const HALF = 100_000;

let server: RecordingServer;
let reader: HttpReader;

beforeEach(async () => {
  server = await RecordingServer.start();
  reader = new HttpReader({ authorization: undefined, attempts: 2, silence: 5000 });
  return async () => {
    await reader.close();
    await server[Symbol.asyncDispose]();
  };
});

const read = (): Promise<Buffer> => bytesOf(reader.read(new URL(`${server.url}/file`)));

/** The first answer breaks off half-way, with the headers of the first; the second one has those of the second. */
const breaking = (first: Readonly<Record<string, string>>, rest: Readonly<Record<string, string>>): void => {
  server.answer = ({ headers }, response) => {
    if (headers.range === undefined) {
      response.writeHead(200, { "content-length": String(file.length), ...first });
      response.write(file.subarray(0, HALF), () => response.socket?.destroy());
      return;
    }
    const start = Number(/\d+/.exec(headers.range)?.[0]);
    const range = `bytes ${String(start)}-${String(file.length - 1)}/${String(file.length)}`;
    response.writeHead(206, { "content-range": range, ...rest }).end(file.subarray(start));
  };
};

test("the rest is asked for, on the condition that it is of the same file", async () => {
  breaking({ etag: '"one"' }, { etag: '"one"' });
  expect((await read()).equals(file)).toBe(true);
  expect(server.seen.map(({ headers }) => headers["if-range"])).toEqual([undefined, '"one"']);
  server.seen.length = 0;
  // A weak one is no condition (RFC 9110, 13.1.5).
  // Mirrors give the same file weak ones of their own.
  breaking({ etag: 'W/"one"' }, { etag: 'W/"two"' });
  expect((await read()).equals(file)).toBe(true);
  expect(server.seen.map(({ headers }) => headers["if-range"])).toEqual([undefined, undefined]);
});

test.each([
  ["another ETag", { etag: '"two"' }],
  ["another size", { "content-range": `bytes ${String(HALF)}-199999/300000` }],
  ["another place", { "content-range": "bytes 0-99999/200000" }],
  ["no place", { "content-range": "" }],
])("the rest of a file with %s is not taken for it", async (_, rest) => {
  breaking({ etag: '"one"' }, rest);
  expect(await failureOf(read())).toMatchObject({
    code: "ERR_BINARY_CACHE",
    message: expect.stringContaining("another part"),
  });
});

test.each([
  ["gzip", gzipSync(file)],
  ["x-gzip", gzipSync(file)],
  ["br", brotliCompressSync(file)],
  ["identity", file],
])("a file that is only there as %s is unpacked", async (coding, bytes) => {
  server.answer = (_, response) => response.writeHead(200, { "content-encoding": coding }).end(bytes);
  expect((await read()).equals(file)).toBe(true);
  expect(server.seen.map(({ headers }) => headers["accept-encoding"])).toEqual(["identity"]);
});

test("a file in a coding that is not known is refused", async () => {
  server.answer = (_, response) => response.writeHead(200, { "content-encoding": "compress" }).end("x");
  expect(await failureOf(read())).toMatchObject({
    code: "ERR_BINARY_CACHE",
    message: expect.stringContaining('"compress"'),
  });
});

test("headers do not take credentials: these belong to an origin", () => {
  // @ts-expect-error: only an Authorization has them, and it knows whom they are for
  const headers: RequestHeaders = { accept: "*/*", authorization: "Basic eDp5" };
  expect(headers).toBeDefined();
});
