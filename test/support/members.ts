import { pipeline } from "node:stream/promises";
import { extract, type Header } from "tar-stream";

/** A member of a tar archive, as tar-stream reads it. */
export interface Member {
  readonly header: Header;
  readonly body: Buffer;
}

export async function membersOf(
  archive: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<Member[]> {
  const members: Member[] = [];
  const parser = extract();
  parser.on("entry", (header, body, next) => {
    const chunks: Buffer[] = [];
    body.on("data", (chunk) => chunks.push(chunk as Buffer));
    body.on("end", () => {
      members.push({ header, body: Buffer.concat(chunks) });
      next();
    });
  });
  await pipeline(archive instanceof Uint8Array ? [archive] : archive, parser);
  return members;
}

/** The bytes of a stream whose pieces are good only until the next one. */
export async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const piece of pieces) copies.push(Buffer.from(piece));
  return Buffer.concat(copies);
}
