import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { NarEvent } from "../../dist/nar/parser.js";
import { readNar, type ReadNarOptions } from "../../dist/nar/read.js";
import { mustRun } from "../support/run.js";

/** What Nix prints. */
export async function dump(place: string): Promise<Buffer> {
  return (await mustRun("nix-store", ["--dump", place])).stdout;
}

/** Strings as a NAR has them; a Buffer goes in as it is. */
export function nar(...tokens: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(
    tokens.flatMap((token) => {
      if (Buffer.isBuffer(token)) return [token];
      const bytes = Buffer.from(token, "latin1");
      return [length(bytes.length), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)];
    }),
  );
}

export function length(bytes: number | bigint): Buffer {
  const word = Buffer.alloc(8);
  word.writeBigUInt64LE(BigInt(bytes));
  return word;
}

/** The NAR of a file. */
export const fileNar = (contents: string): Buffer =>
  nar("nix-archive-1", "(", "type", "regular", "contents", contents, ")");

/** The NAR of a folder with a child of each name, which has something of its own. */
export function folderNar(names: readonly string[]): Buffer {
  const children = names.map((name) =>
    nar("entry", "(", "name", name, "node", "(", "type", "regular", "contents", name, ")", ")"),
  );
  return nar("nix-archive-1", "(", "type", "directory", ...children, ")");
}

export const identityOf = (bytes: Buffer): { narHash: string; narSize: number } => ({
  narHash: `sha256-${createHash("sha256").update(bytes).digest("base64")}`,
  narSize: bytes.length,
});

/** Pieces of the same size, or of the sizes that a function tells. */
export async function* inPieces(bytes: Buffer, size: number | (() => number)): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const next = Math.max(1, typeof size === "number" ? size : size());
    yield bytes.subarray(at, (at += next));
  }
}

/** All events, with the contents of each file in one piece. */
export async function eventsOf(
  stream: AsyncIterable<Uint8Array>,
  options?: ReadNarOptions,
): Promise<NarEvent[]> {
  const events: NarEvent[] = [];
  let parts: Buffer[] = [];
  const joinParts = (): void => {
    if (parts.length > 0) events.push({ type: "contents", bytes: Buffer.concat(parts) });
    parts = [];
  };
  for await (const event of readNar(stream, options)) {
    if (event.type === "contents") parts.push(Buffer.from(event.bytes));
    else {
      joinParts();
      events.push(event);
    }
  }
  joinParts();
  return events;
}

/** A tree with a bit of everything, whose NAR is small. */
export function writeSmallTree(place: string): void {
  mkdirSync(`${place}/d/e`, { recursive: true });
  writeFileSync(`${place}/a`, "some text");
  writeFileSync(`${place}/d/x`, "#!", { mode: 0o755 });
  writeFileSync(`${place}/empty`, "");
  symlinkSync("d/x", `${place}/l`);
}
