import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { type BuiltImage, openStore, streamLayeredImage } from "../../dist/index.js";
import { dumpingStore } from "../builders/dumpingStore.js";
import { debianClosure, smallPackages } from "../support/debianStore.js";
import { startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { runScript } from "../support/script.js";

async function digestOf(image: BuiltImage): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of image.pieces()) hash.update(piece);
  return hash.digest("hex");
}

describeWith(
  ["nix-daemon", "nix-store", "python3", "apt-get", "dpkg-deb"],
  "an image of packages that are not on this disk",
  () => {
    test("has the bytes of one whose packages are", async () => {
      const closure = await debianClosure(smallPackages);
      await using nix = await startNixStore({ at: closure.root });
      await using store = await openStore(nix.uri);
      const spec = { name: "image", contents: [...closure.roots], config: { Cmd: ["/bin/bash"] } };
      await using onDisk = await streamLayeredImage(spec, { store, cache: false });
      const elsewhere = dumpingStore(store, (path) => path);
      await using fromNars = await streamLayeredImage(spec, { store: elsewhere, cache: false });
      expect(await digestOf(fromNars)).toBe(await digestOf(onDisk));
    });
  },
);

/** Makes an image of a NAR with two files, one of which waits for a name that is not UTF-8, and prints its memory's peak. */
const peakScript = (mebibytes: number): string => `
const { createHash } = await import("node:crypto");
const path = "/nix/store/${"0".repeat(32)}-large";
const size = ${mebibytes} * 2 ** 20;
const string = (text) => {
  const bytes = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8);
  bytes.writeUInt32LE(text.length);
  bytes.write(text, 8, "latin1");
  return bytes;
};
const strings = (...texts) => Buffer.concat(texts.map(string));
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(size));
async function* nar() {
  yield strings("nix-archive-1", "(", "type", "directory");
  for (const name of ["plain", "\\xff"]) {
    yield strings("entry", "(", "name", name, "node", "(", "type", "regular", "contents");
    yield length;
    for (let at = 0; at < size; at += 2 ** 16) yield Buffer.alloc(2 ** 16, at / 2 ** 16);
    yield strings(")", ")");
  }
  yield strings(")");
}
const hash = createHash("sha256");
let narSize = 0;
for await (const piece of nar()) (hash.update(piece), (narSize += piece.length));
const narHash = "sha256-" + hash.digest("base64");
const graph = laminix.GraphStore.parse(JSON.stringify([{ path, narHash, narSize, references: [] }]), "graph");
const store = {
  url: "graph",
  storeDir: () => graph.storeDir(),
  closure: (paths) => graph.closure(paths),
  pathFromHashPart: (part) => graph.pathFromHashPart(part),
  open: () => ({ nar, narHash, narSize }),
};
const image = await laminix.streamLayeredImage({ name: "image", contents: [path] }, { store, cache: false });
let total = 0;
for await (const piece of image.pieces()) total += piece.length;
print([total, process.resourceUsage().maxRSS / 1024]);
`;

testWith(["linux"], "the memory of an image of NARs does not grow with their files", async () => {
  const [small, large] = await Promise.all(
    [8, 300].map(async (mebibytes) => {
      const { code, stdout, stderr } = await runScript(peakScript(mebibytes), { timeout: 120_000 });
      expect([code, stderr]).toEqual([0, ""]);
      return JSON.parse(stdout.toString()) as [number, number];
    }),
  );
  expect(large![0]).toBeGreaterThan(600 * 2 ** 20);
  // Mebibytes; what is allocated and not yet collected varies.
  expect(large![1]).toBeLessThan(small![1] + 100);
});
