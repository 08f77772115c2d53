import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
// Threads are started from compiled files.
import { DigestCache, openStore, planLayers, streamLayeredImage } from "../../dist/index.js";
import type { BuildOptions, ImageSpec, ProgressEvent, StoreSource } from "../../dist/index.js";
import { bytesOf } from "../support/members.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { writeOddTree } from "../tar/oddTree.js";
import { dumpingStore } from "./dumpingStore.js";

let folder: TemporaryFolder;
let nix: NixStore;
let store: Awaited<ReturnType<typeof openStore>>;
let spec: ImageSpec;
let expected: Buffer;
let warnings: string[];
/** The store's files, where nobody looks for them. */
const hidden = (): string => `${nix.realStoreDir}-hidden`;
let dumped: string[] = [];
let narStore: StoreSource;

async function read(options: BuildOptions): Promise<Buffer> {
  await using image = await streamLayeredImage(spec, { cache: false, ...options });
  return await bytesOf(image.pieces());
}

describeWith(["nix-daemon", "nix-store"], "an image of paths that are valid, but not on this disk", () => {
  beforeAll(async () => {
    folder = await temporaryFolder();
    nix = await startNixStore();
    const odd = await nix.addTree("odd", writeOddTree);
    const large = await nix.addTree("large", (place) => writeFileSync(place, Buffer.alloc(3 << 20, "large")));
    const programs = await Promise.all(
      ["one", "two"].map((name) =>
        nix.addTree(
          name,
          (place) => {
            mkdirSync(`${place}/bin`, { recursive: true });
            writeFileSync(`${place}/bin/${name}`, odd, { mode: 0o755 });
            writeFileSync(`${place}/bin/program`, name, { mode: 0o755 });
            symlinkSync("program", `${place}/bin/alias`);
          },
          { references: [odd, large] },
        ),
      ),
    );
    store = await openStore(nix.uri);
    spec = { name: "image", contents: [...programs, odd], config: { Cmd: ["/bin/program"] } };
    const events: ProgressEvent[] = [];
    expected = await read({ store, onProgress: (event) => events.push(event) });
    warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
    renameSync(nix.realStoreDir, hidden());
    narStore = dumpingStore(
      store,
      (path) => path.replace(nix.realStoreDir, hidden()),
      (path) => dumped.push(path),
    );
  });
  afterAll(async () => {
    rmSync(nix.realStoreDir, { recursive: true, force: true }); // the daemon makes itself an empty one
    renameSync(hidden(), nix.realStoreDir);
    await store.close();
    await nix[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test("has the bytes, and the warnings, of one whose paths are", async () => {
    // The daemon itself has lost its files.
    await expect(read({ store })).rejects.toMatchObject({ code: "ERR_DAEMON" });
    const events: ProgressEvent[] = [];
    const bytes = await read({ store: narStore, onProgress: (event) => events.push(event) });
    expect(bytes.equals(expected)).toBe(true);
    expect(events.flatMap((event) => (event.type === "warning" ? [event.message] : []))).toEqual(warnings);
    expect(warnings).not.toEqual([]);
  });

  test("reads no NAR for a plan, and each but once when its digests are known, and those of its contents for their names", async () => {
    dumped = [];
    await planLayers(spec, { store: narStore });
    await using image = await streamLayeredImage(spec, { store: narStore, cache: false });
    expect(image.imageTag).toBeDefined();
    expect(dumped).toEqual([]);

    const cache = new DigestCache(folder.join("cache"));
    expect((await read({ store: narStore, cache })).equals(expected)).toBe(true);
    dumped = [];
    expect((await read({ store: narStore, cache })).equals(expected)).toBe(true);
    const contents = spec.contents as string[];
    const { paths } = await store.closure(contents);
    expect(dumped.toSorted()).toEqual([...paths, ...contents].toSorted());
  });

  test("ends before its manifest when a NAR is another than the store says", async () => {
    const [first] = spec.contents as string[];
    const lying = dumpingStore(store, (path) => {
      const place = path.replace(nix.realStoreDir, hidden());
      return path === first ? `${place}/bin` : place;
    });
    await expect(read({ store: lying })).rejects.toMatchObject({
      code: "ERR_NAR_HASH",
      details: { path: first },
    });
  });

  test("ends with a coded error when a NAR stops in the middle", async () => {
    const absent = dumpingStore(store, () => "/no/such/place");
    // What the program wrote before it failed.
    await expect(read({ store: absent })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_NAR(_HASH)?$/),
    });
  });

  test("is stopped by its signal, while NARs are hashed and while they are written", async () => {
    const reason = new Error("enough");
    for (const pieces of [0, 1, 5]) {
      const controller = new AbortController();
      await using image = await streamLayeredImage(spec, { store: narStore, cache: false });
      const reading = image.pieces({ signal: controller.signal });
      for (let i = 0; i < pieces; i++) await reading.next();
      setTimeout(() => controller.abort(reason), 5);
      await expect(bytesOf(reading)).rejects.toBe(reason);
    }
  });
});
