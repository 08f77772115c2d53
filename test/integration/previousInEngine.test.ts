import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type BuiltImage,
  type Destination,
  type ImageSpec,
  loadImage,
  openStore,
  type ProgressEvent,
  streamLayeredImage,
} from "../../dist/index.js";
import { runMain } from "../cli/commandLine.js";
import { startDockerEngine } from "../support/dockerEngine.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { startPodmanEngine } from "../support/podmanEngine.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

/** Bytes of the packages' files. */
const SIZES = [90_000, 700, 42_000, 3_000, 160_000, 1_200, 20_000, 500, 60_000, 9_000, 30_000, 800];
/** The package that is another in the second release; none refers to it. */
const LEAF = 8;

const engines = [
  { engine: "docker", program: "dockerd", repository: "web", start: startDockerEngine },
  { engine: "podman", program: "podman", repository: "localhost/web", start: startPodmanEngine },
] as const;

for (const { engine, program, repository, start } of engines) {
  describeWith(
    [program, "nix-daemon", "linux"],
    `an image that is planned after the one in ${engine}`,
    () => {
      let running: { readonly host: string } & AsyncDisposable;
      let folder: TemporaryFolder;
      let nix: NixStore;
      let store: Awaited<ReturnType<typeof openStore>>;
      let destination: Destination;
      let one: ImageSpec;
      let two: ImageSpec;
      const add = (label: string, size: number, references: readonly string[]): Promise<string> =>
        nix.addTree(
          label,
          (at) => {
            mkdirSync(at);
            writeFileSync(`${at}/${label}`, [references.join("\n"), new Random(size).bytes(size)].join("\n"));
          },
          { references },
        );
      beforeAll(async () => {
        folder = await temporaryFolder("in-engine");
        running = await start();
        nix = await startNixStore();
        destination = { engine, host: running.host };
        const packages: string[] = [];
        for (const [i, size] of SIZES.entries()) {
          const below = packages.filter((_, at) => at !== LEAF && (i * 5 + at) % 4 === 0);
          packages.push(await add(`package${String(i)}-1.0`, size, below.slice(-3)));
        }
        // An empty store does not tell where it is.
        store = await openStore(nix.uri);
        const leaf = await add(`package${String(LEAF)}-1.1`, 400, []);
        one = { name: "Web", maxLayers: 6, contents: packages };
        // What the update does not touch stays.
        two = { ...one, horizon: 0, contents: packages.with(LEAF, leaf) };
      });
      afterAll(async () => {
        await store.close();
        await nix[Symbol.asyncDispose]();
        await running[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      });

      const built = async <T>(
        spec: ImageSpec,
        use: (image: BuiltImage, notes: readonly string[]) => T | Promise<T>,
      ): Promise<T> => {
        const notes: string[] = [];
        const onProgress = (event: ProgressEvent): void => {
          if (event.type === "note") notes.push(event.message);
        };
        await using image = await streamLayeredImage(spec, {
          ...{ store, cache: false, onProgress, previousAt: destination },
        });
        return await use(image, notes);
      };

      test("keeps its layers, by its tag, or the newest of its name", async () => {
        const nothing = await built(one, ({ previous }, notes) => [previous, notes]);
        expect(nothing).toEqual([
          null,
          [expect.stringMatching(new RegExp(`^planned without a previous image: .* has no ${repository}$`))],
        ]);
        const first = await built(one, async (image) => ({
          plan: image.layers,
          ...(await loadImage(image, { engine, host: running.host })),
        }));
        const [reference = "", digest] = [...first.references, ...first.imageIds];
        expect(reference).toMatch(new RegExp(`^${repository}:[0-9a-z]{32}$`));
        await using expected = await streamLayeredImage(
          { ...two, previous: { layers: first.plan } },
          { store, cache: false },
        );
        const tag = reference.slice(reference.lastIndexOf(":") + 1);
        for (const spec of [two, { ...two, tag }]) {
          await built(spec, ({ layers, previous }, notes) => {
            expect([previous, layers]).toEqual([{ image: reference, digest }, expected.layers]);
            expect(notes).toEqual([`planned after ${reference}, which is ${digest!}`]);
          });
        }
        await built({ ...two, tag: "none" }, ({ previous }) => {
          expect(previous).toBeNull();
        });
      });

      test("is asked for on the command line by --previous without a value", async () => {
        writeFileSync(folder.join("one.json"), JSON.stringify(one));
        writeFileSync(folder.join("two.json"), JSON.stringify(two));
        const common = ["--engine", engine, "--host", running.host, "--store", nix.uri, "--tag", "main"];
        const environment = { HOME: "/nowhere", LAMINIX_CACHE_DIR: folder.join("cache") };
        const load = async (name: string): Promise<object> => {
          const args = ["load", folder.join(name), ...common, "--previous", "--json"];
          const { code, stdout, stderr } = await runMain(args, { environment });
          expect([code, stderr.includes('"error"')]).toEqual([0, false]);
          return JSON.parse(stdout.toString()) as object;
        };
        expect(await load("one.json")).toMatchObject({ previous: null });
        const image = `${repository}:main`;
        expect(await load("two.json")).toMatchObject({
          references: [image],
          previous: { image, digest: expect.stringMatching(/^sha256:/) },
        });
        const again = await runMain(["load", folder.join("two.json"), "--previous", ...common], {
          environment,
        });
        expect(again.stderr).toContain(`planned after ${image}, which is sha256:`);
        const eaten = await runMain(["load", "--previous", folder.join("one.json"), ...common], {
          environment,
        });
        expect([eaten.code, eaten.stderr]).toEqual([
          2,
          expect.stringContaining(`${folder.join("one.json")} is the value of --previous`),
        ]);
      });
    },
  );
}
