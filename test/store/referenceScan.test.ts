import { expect, test } from "vitest";
import { ReferenceScan } from "../../dist/store/referenceScan.js";
import { Random } from "../support/random.js";

const HASH = "0123456789abcdfghijklmnpqrsvwxyz";
const OTHER = "zyxwvsrqpnmlkjihgfdcba9876543210";

function found(pieces: readonly (string | Uint8Array)[], storeDir = "/nix/store"): string[] {
  const scan = new ReferenceScan(storeDir);
  for (const piece of pieces) scan.add(typeof piece === "string" ? Buffer.from(piece) : piece);
  return scan.hashParts();
}

test("finds paths wherever they stand, each once, in order", () => {
  const text = `#!/nix/store/${OTHER}-bash/bin/sh\0x/nix/store/${HASH}-a:/nix/store/${HASH}-b/nix/store/${OTHER}-`;
  expect(found([text])).toEqual([HASH, OTHER]);
});

test("finds a path that is cut anywhere, into any number of pieces", () => {
  const text = `before /nix/store/${HASH}-name after`;
  for (let cut = 0; cut <= text.length; cut++)
    expect(found([text.slice(0, cut), text.slice(cut)])).toEqual([HASH]);
  expect(found(Array.from(text))).toEqual([HASH]);
  expect(found([text.slice(0, 20), "", text.slice(20, 22), text.slice(22)])).toEqual([HASH]);
});

test("finds what is in bytes that are no text, and lets the pieces be used again", () => {
  const random = new Random(7);
  const bytes = Buffer.concat([random.bytes(5000), Buffer.from(`/nix/store/${HASH}-x`), random.bytes(3000)]);
  const scan = new ReferenceScan("/nix/store");
  const piece = Buffer.alloc(37);
  for (let at = 0; at < bytes.length; at += 37) {
    const length = bytes.copy(piece, 0, at);
    scan.add(piece.subarray(0, length));
    piece.fill(0);
  }
  expect(scan.hashParts()).toEqual([HASH]);
});

test.each([
  ["no name after the hash", `/nix/store/${HASH}`],
  ["a hash that is too short", `/nix/store/${HASH.slice(1)}-x`],
  ["a letter that Nix does not use", `/nix/store/${HASH.replace("0", "e")}-x`],
  ["upper case", `/nix/store/${HASH.toUpperCase()}-x`],
  ["another store", `/gnu/store/${HASH}-x`],
  ["a doubled slash", `/nix/store//${HASH}-x`],
  ["the folder of links to what is the same", "/nix/store/.links/x"],
])("does not take %s for a path", (_, text) => {
  expect(found([text, text])).toEqual([]);
});

test("looks for the store that it is told of", () => {
  const text = `/srv/store/${HASH}-x /nix/store/${OTHER}-y`;
  expect(found([text], "/srv/store")).toEqual([HASH]);
  expect(found([`/pre/nix/store/${HASH}-x`])).toEqual([HASH]);
});
