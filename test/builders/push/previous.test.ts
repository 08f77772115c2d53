import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  buildLayeredImage,
  type ImageSpec,
  type LayersPlan,
  planLayers,
  planPush,
  type ProgressEvent,
  type PushedImage,
  pushImage,
  Registries,
  streamLayeredImage,
} from "../../../dist/index.js";
import { runMain } from "../../cli/commandLine.js";
import { failureOf } from "../../support/failure.js";
import { account, startImageRegistry } from "../../support/imageRegistry.js";
import { archiveOf, layerOf, sha256 } from "../../support/images.js";
import { bytesOf } from "../../support/members.js";
import { referenceStream } from "../../support/oracle.js";
import { Random } from "../../support/random.js";
import { expectSound } from "../../support/registryStorage.js";
import { describeWith } from "../../support/requirements.js";
import { fatesOf, manifestAt, type PushScene, startPushScene } from "./scene.js";

/** Bytes of the packages' files. */
const SIZES = [90_000, 700, 42_000, 3_000, 160_000, 1_200, 20_000, 500, 60_000, 9_000, 30_000, 800];
/** The package that is another in the second release; none refers to it. */
const LEAF = 8;

describeWith(
  ["docker-registry", "openssl", "nix-daemon", "python3", "linux"],
  "an image that is planned after the one in the registry",
  () => {
    let scene: PushScene;
    let repository: string;
    let name: string;
    let previous: string;
    let leaf: string;
    let one: Partial<ImageSpec>;
    let two: Partial<ImageSpec>;
    let pushed: PushedImage;
    let foreign: string;
    const add = (label: string, size: number, references: readonly string[]): Promise<string> =>
      scene.nix.addTree(
        label,
        (at) => {
          mkdirSync(at);
          writeFileSync(`${at}/${label}`, [references.join("\n"), new Random(size).bytes(size)].join("\n"));
        },
        { references },
      );
    beforeAll(async () => {
      scene = await startPushScene();
      const packages: string[] = [];
      for (const [i, size] of SIZES.entries()) {
        const below = packages.filter((_, at) => at !== LEAF && (i * 5 + at) % 4 === 0);
        packages.push(await add(`package${String(i)}-1.0`, size, below.slice(-3)));
      }
      leaf = await add(`package${String(LEAF)}-1.1`, 400, []);
      one = { name: "web", tag: "1", strategy: "balanced", maxLayers: 6, contents: packages };
      // What the update does not touch stays.
      two = { ...one, tag: "2", horizon: 0, contents: packages.with(LEAF, leaf) };
      repository = scene.repository();
      name = `${scene.registry.host}/${repository}`;
      previous = `docker://${name}:1`;
      pushed = await scene.push(`${name}:1`, one);
      foreign = scene.folder.join("foreign.tar");
      writeFileSync(foreign, await archiveOf({ layers: [await layerOf({ file: "of a Dockerfile" })] }));
    });
    afterAll(() => scene[Symbol.asyncDispose]());
    const planned = (
      spec: Partial<ImageSpec>,
      options: Parameters<typeof planLayers>[1] = {},
    ): Promise<LayersPlan> =>
      planLayers({ name: "web", ...spec }, { store: scene.store, registries: scene.registries, ...options });

    /** What nixpkgs' streamLayeredImage would write for these layers. */
    const confOf = async ({ layers }: LayersPlan): Promise<string> => {
      const root = await scene.nix.addTree("web-customisation-layer", async (at) => {
        const layer = await layerOf({ file: "in the root" });
        mkdirSync(at);
        writeFileSync(`${at}/layer.tar`, layer);
        writeFileSync(`${at}/checksum`, sha256(layer));
      });
      const time = "1970-01-01T00:00:01+00:00";
      const conf = {
        ...{ architecture: "amd64", os: "linux", config: {}, store_dir: scene.nix.storeDir },
        ...{ from_image: null, store_layers: layers.map(({ paths }) => paths), customisation_layer: root },
        ...{ repo_tag: "web:1", created: time, mtime: time },
        ...{ uid: "0", gid: "0", uname: "root", gname: "root" },
      };
      writeFileSync(scene.folder.join("conf.json"), JSON.stringify(conf));
      return scene.folder.join("conf.json");
    };

    test("sends the layers that changed, and has the others as they were", async () => {
      await using anew = await scene.build(two);
      const without = await planPush(anew, `${name}:2`, { registries: scene.registries, cache: false });
      const next = await scene.push(`${name}:2`, { ...two, previous });
      const sent = next.layers.filter(({ fate }) => fate === "sent");
      expect(sent.map(({ sources }) => sources)).toEqual([[leaf], two.contents]);
      expect(without.layers.filter(({ fate }) => fate === "sent").length).toBeGreaterThan(sent.length);
      const before = pushed.layers.map(({ digest }) => digest);
      for (const { digest, fate } of next.layers) expect(before.includes(digest)).toBe(fate !== "sent");
      expect(next.layers.filter(({ fate }) => fate !== "sent")).toHaveLength(4);
      expectSound(scene.registry.storage);
    });

    test("sends nothing where nothing changed", async () => {
      const again = await scene.push(`${name}:1`, { ...one, previous });
      expect([again.digest, again.sent]).toEqual([pushed.digest, 0]);
      expect(new Set(fatesOf(again))).toEqual(new Set(["unread"]));
    });

    test("asks for a manifest and a configuration, and for no layer", async () => {
      const { requests } = await scene.registry.during(() => planned({ ...two, previous }));
      const { manifest } = await manifestAt(scene.registry.host, repository, "1");
      const asked = requests.map(({ method, url }) => `${method} ${url}`);
      expect(asked.filter((each) => each !== "GET /v2/")).toEqual([
        `GET /v2/${repository}/manifests/1`,
        `GET /v2/${repository}/blobs/${manifest.config.digest}`,
      ]);
    });

    test("has the same bytes each time, wherever that image is and whoever has written it", async () => {
      const archive = scene.folder.join("one.tar");
      const layout = scene.folder.join("one");
      const spec = { name: "web", ...one };
      const { store } = scene;
      await buildLayeredImage(spec, { store, cache: false, output: archive });
      await buildLayeredImage(spec, { store, cache: false, output: layout, format: "oci-dir" });
      await scene.push(`${name}:docker`, one, { manifestFormat: "docker" });
      const plan = await planned(one);
      const byNixpkgs = scene.folder.join("nixpkgs.tar");
      writeFileSync(byNixpkgs, await referenceStream(await confOf(plan)));
      const hashOf = async (before: ImageSpec["previous"]): Promise<string> => {
        await using image = await scene.build({ ...two, previous: before });
        return sha256(await bytesOf(image.pieces()));
      };
      const expected = await hashOf(plan);
      expect(expected).not.toBe(await hashOf(null));
      const digest = `docker://${name}@${pushed.digest}`;
      const images = [previous, previous, digest, `docker://${name}:docker`, archive, layout, byNixpkgs];
      for (const before of images) expect([before, await hashOf(before)]).toEqual([before, expected]);
    });

    test("tells which image a tag led to", async () => {
      const notes = async (before: string): Promise<string[]> => {
        const events: ProgressEvent[] = [];
        await planned({ ...two, previous: before }, { onProgress: (event) => events.push(event) });
        return events.flatMap((event) => (event.type === "note" ? [event.message] : []));
      };
      expect(await notes(previous)).toEqual([`${previous}, named by previous, is ${pushed.digest}`]);
      expect(await notes(`docker://${name}@${pushed.digest}`)).toEqual([]);
    });

    test("learns from images in the registry what changes", async () => {
      await scene.push(`${name}:two`, { ...two, previous });
      const plans = [await planned(one), await planned({ ...two, previous })];
      const expected = await planned({ ...two, history: plans });
      expect(await planned({ ...two, history: [previous, `docker://${name}:two`] })).toEqual(expected);
    });

    test("follows what is at its destination, if that is asked for, and tells what it found", async () => {
      const { store, registries } = scene;
      const made = async (spec: Partial<ImageSpec>, reference: string, tags: readonly string[] = []) => {
        const notes: string[] = [];
        await using image = await streamLayeredImage(
          { name: "web", ...spec },
          {
            ...{ store, registries, cache: false, previousAt: { reference, tags } },
            onProgress: (event) => event.type === "note" && notes.push(event.message),
          },
        );
        return { layers: image.layers, previous: image.previous, notes };
      };
      const there = { image: `${name}:1`, digest: pushed.digest };
      const expected = await planned({ ...two, previous });
      const notes = [`planned after ${name}:1, which is ${pushed.digest}`];
      const found = { layers: expected.layers, previous: there, notes };
      expect(await made(two, `${name}:1`)).toEqual(found);
      expect(await made({ ...two, previous: "/nowhere" }, `${name}:new`, ["1"])).toEqual(found);

      const first = await planned({ ...two, previous: { layers: [] } });
      await pushImage(foreign, `${name}:foreign`, { registries });
      const missing = [
        `${name}:new is not there`,
        `the history of ${name}:foreign names no layer of store paths`,
      ];
      expect(await made(two, `${name}:new`, ["foreign"])).toEqual({
        ...{ layers: first.layers, previous: null },
        notes: [`planned without a previous image: ${missing.join("; ")}`],
      });
      const { requests } = await scene.registry.during(async () => {
        expect((await made({ ...two, strategy: "auto" }, `${name}:1`)).previous).toBeUndefined();
      });
      expect(requests).toEqual([]);
      const error = await failureOf(made(two, `127.0.0.1:1/web:1`));
      expect(error).toMatchObject({ code: "ERR_REGISTRY_UNREACHABLE" });
    });

    test("is asked to follow it by --previous without a value", async () => {
      writeFileSync(scene.folder.join("spec.json"), JSON.stringify({ name: "web", ...two }));
      const target = `${name}:next`;
      const push = ["push", scene.folder.join("spec.json"), target, "--store", scene.nix.uri, "--plain-http"];
      const environment = { HOME: "/nowhere", LAMINIX_CACHE_DIR: scene.folder.join("cache") };
      const json = async (...more: string[]): Promise<PushedImage> => {
        const { code, stdout, stderr } = await runMain([...push, ...more, "--json"], { environment });
        expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
        return JSON.parse(stdout.toString()) as PushedImage;
      };
      expect(await json("--previous", "--dry-run")).toHaveProperty("previous", null);
      const at = { image: `${name}:1`, digest: pushed.digest };
      const next = await json("--tag", "1", "--previous");
      expect(next).toHaveProperty("previous", at);
      const { layers } = await planned({ ...two, previous });
      expect(next.layers.slice(0, -1).map(({ sources }) => sources)).toEqual(
        layers.map(({ paths }) => paths),
      );
      expect(await json("--dry-run")).not.toHaveProperty("previous");
      const people = await runMain([...push, "--previous", "--dry-run"], { environment });
      expect(people.stderr).toContain(`planned after ${target}, which is ${next.digest}`);
      const eaten = await runMain(["push", "--previous", ...push.slice(1)], { environment });
      expect([eaten.code, eaten.stderr]).toEqual([
        2,
        expect.stringContaining("spec.json is the value of --previous; without a value, write it last"),
      ]);
    });

    test.each(["previous", "history"] as const)(
      "fails where there is none yet, and says what to do: %s",
      async (key) => {
        for (const place of [`docker://${name}:none`, `docker://${scene.registry.host}/it/none:1`]) {
          const error = await failureOf(planned({ ...two, [key]: key === "previous" ? place : [place] }));
          expect(error).toMatchObject({
            code: "ERR_REGISTRY",
            message: expect.stringMatching(new RegExp(`^${place}, named by ${key}, is not there: `)),
            hint: `before the first push there is none: leave ${key} out then; else check the names of the repository and the tag`,
            details: { status: 404 },
          });
        }
      },
    );

    test("asks a registry with the flags and credentials that a push has", async () => {
      await using secret = await startImageRegistry({ auth: { kind: "password" } });
      const auth = Buffer.from(`${account.username}:${account.password}`).toString("base64");
      writeFileSync(scene.folder.join("config.json"), JSON.stringify({ auths: { [secret.host]: { auth } } }));
      const known = { HOME: "/nowhere", DOCKER_CONFIG: scene.folder.path };
      const exceptions = { [secret.host]: { tlsVerify: false } };
      await using registries = new Registries({ environment: known, exceptions });
      await using image = await scene.build(one);
      await pushImage(image, `${secret.host}/web:1`, { registries, cache: false });

      const place = `docker://${secret.host}/web:1`;
      const file = (spec: object): string => {
        writeFileSync(scene.folder.join("spec.json"), JSON.stringify(spec));
        return scene.folder.join("spec.json");
      };
      const spec = file({ name: "web", ...two });
      const main = async (environment: Readonly<Record<string, string>>, ...args: string[]) => {
        const common = ["--store", scene.nix.uri, "--json", "--verbose"];
        const outcome = await runMain([...args, ...common], { environment });
        expect(outcome.stdout.toString() + outcome.stderr).not.toMatch(
          new RegExp(`${account.password}|${auth}`),
        );
        return outcome;
      };
      const errorOf = async (...given: Parameters<typeof main>): Promise<unknown> => {
        const { code, stderr } = await main(...given);
        expect(code).toBe(1);
        return (JSON.parse(stderr.slice(stderr.lastIndexOf('{"error"'))) as { error: unknown }).error;
      };
      const layers = ["layers", spec, "--previous", place];
      expect(await errorOf(known, ...layers)).toMatchObject({ code: "ERR_REGISTRY_UNREACHABLE" });
      expect(await errorOf({ HOME: "/nowhere" }, ...layers, "--no-tls-verify")).toMatchObject({
        code: "ERR_REGISTRY_AUTH",
        hint: `log in: docker login ${secret.host}`,
      });
      const expected = await planned({ ...two, previous });
      const { stdout } = await main(known, ...layers, "--no-tls-verify");
      const people = await runMain([...layers, "--no-tls-verify", "--store", scene.nix.uri], {
        environment: known,
      });
      expect(people.stderr).toContain(`${place}, named by previous, is sha256:`);
      expect(JSON.parse(stdout.toString())).toEqual({ ...expected, warnings: [] });
      const inSpec = file({ name: "web", ...two, previous: place });
      const bySpec = await main(known, "layers", inSpec, "--no-tls-verify");
      expect(JSON.parse(bySpec.stdout.toString())).toEqual({ ...expected, warnings: [] });

      file({ name: "web", ...two });
      const push = ["push", spec, `${secret.host}/web:2`, "--no-tls-verify"];
      const next = await main(known, ...push, "--previous", place);
      const { layers: all } = JSON.parse(next.stdout.toString()) as PushedImage;
      expect(all.flatMap(({ fate, sources }) => (fate === "sent" ? [sources] : []))).toEqual([
        [leaf],
        two.contents,
      ]);
    });
  },
);
