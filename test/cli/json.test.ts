/** With `--json` every command prints one document, as its published schema and docs/json.md describe it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import Ajv from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documents, onStandardError, withoutDocument } from "../../dist/cli/documents/all.js";
import { NixStore } from "../../dist/index.js";
import { type PushScene, startPushScene } from "../builders/push/scene.js";
import { type OwnDockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { shellLayer } from "../support/engineImages.js";
import { archiveOf, layerOf } from "../support/images.js";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { blobIn } from "../support/registryStorage.js";
import { describeWith } from "../support/requirements.js";
import { projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { type Outcome, runMain, type Situation } from "./commandLine.js";

type DocumentName = keyof typeof documents;

const schemaText = (name: string): string =>
  readFileSync(path.join(projectRoot, `dist/json/${name}.schema.json`), "utf8");

/** What is wrong with a document. */
function problemsOf(name: DocumentName | keyof typeof onStandardError, document: unknown): unknown {
  const validate = new Ajv({ allErrors: true }).compile(JSON.parse(schemaText(name)) as object);
  return validate(document) === true ? [] : [document, validate.errors];
}

/** Lines of progress, of scripts, and of what Nix builds. */
const PROGRESS =
  /^(?:layer +\d+\/\d+ {2}.*|\d+ store paths?, \S+ \w+|(?:extraCommands|fakeRootCommands|runAsRoot)> .*|building '.*')$/;

function expectProgress(lines: readonly string[]): void {
  expect(lines.filter((line) => !PROGRESS.test(line))).toEqual([]);
}

const linesOf = (text: string): string[] => text.split("\n").filter(Boolean);

/** Which argument lists have which document. Those of one group need the same. */
const stored = {
  build: () => ["build", "SPEC", "-o", "OUT/built.tar.gz"],
  "build-image": () => ["build-image", "SINGLE", "-o", "OUT/single.tar"],
  "nix-shell": () => ["nix-shell", "DRV", "-o", "OUT/shell.tar", "--shell", "PROGRAM/program"],
  layers: () => ["layers", "SPEC"],
  "layers-together": () => ["layers", "SPEC", "OTHER"],
  "layers-compare": () => ["layers", "SPEC", "--compare"],
  "layers-explain": () => ["layers", "SPEC", "--explain", "program"],
  inspect: () => ["inspect", "ARCHIVE"],
  validate: () => ["validate", "ARCHIVE"],
  export: () => ["export", "ARCHIVE", "-o", "OUT/root.tar"],
  merge: () => ["merge", "ARCHIVE", "ARCHIVE", "-o", "OUT/merged.tar"],
  index: () => ["index", "ARCHIVE", "SPEC-ARM", "-o", "OUT/index"],
  "index-push": () => ["index", "ARCHIVE", "--push", "REGISTRY/index:1"],
  push: () => ["push", "SPEC", "REGISTRY/it:1"],
  "push-dry-run": () => ["push", "SPEC", "REGISTRY/dry:1", "--dry-run"],
  pull: () => ["pull", "REGISTRY/base:1", "-o", "OUT/pulled.tar", "--arch", "amd64"],
  lock: () => ["lock", "REGISTRY/base:1", "-o", "OUT/lock.json", "--platform", "linux/amd64"],
  mounts: () => ["mounts", "PROGRAM"],
  closure: () => ["closure", "PROGRAM"],
  "closure-sizes": () => ["closure", "PROGRAM", "--sizes"],
  referrers: () => ["referrers", "LIBRARY"],
  tree: () => ["tree", "PROGRAM"],
  "why-depends": () => ["why-depends", "PROGRAM", "LIBRARY"],
  "why-depends-all": () => ["why-depends", "PROGRAM", "LIBRARY", "--all"],
  diff: () => ["diff", "PROGRAM", "LEAF"],
  duplicates: () => ["duplicates", "NEWER", "OLDER"],
  roots: () => ["roots", "LIBRARY"],
  store: () => ["store"],
  eval: () => ["eval", "{ a = [ 1 2.5 ]; }"],
  realise: () => ["realise", "PROGRAM"],
  cache: () => ["cache"],
  doctor: () => ["doctor"],
  "stream-conf": () => ["stream-conf", "CONF", "-o", "OUT/conf.tar"],
  conf: () => ["conf", "ATTRS", "-o", "OUT/conf.json"],
  customise: () => ["customise", "SPEC", "-o", "OUT/layer"],
  blob: () => ["blob", "BLOB", "--size", "SIZE", "-o", "OUT/blob"],
  stream: () => ["stream", "SPEC"],
} satisfies Partial<Record<DocumentName, () => string[]>>;

const inEngine = {
  load: () => ["load", "ARCHIVE"],
  hold: () => ["hold", "site", "PATH"],
  "hold-sweep": () => ["hold", "--sweep"],
} satisfies Partial<Record<DocumentName, () => string[]>>;

describe("documents", () => {
  test("are those of every command, but of commands that say why they have none", async () => {
    const { stdout } = await runMain(["complete", "--", ""]);
    const commands = linesOf(stdout.toString()).map((line) => line.split("\t")[0]!);
    const known = [
      ...Object.values(documents).map(({ command }) => command),
      ...Object.keys(withoutDocument),
    ];
    expect(commands.toSorted()).toEqual([...new Set(known)].toSorted());
  });

  test("are all printed here", () => {
    expect([...Object.keys(stored), ...Object.keys(inEngine)].toSorted()).toEqual(
      Object.keys(documents).toSorted(),
    );
  });

  test("have a schema each in the package, which has an example that it allows", () => {
    const names = [...Object.keys(documents), ...Object.keys(onStandardError)] as DocumentName[];
    expect(readdirSync(path.join(projectRoot, "dist/json")).toSorted()).toEqual(
      names.map((name) => `${name}.schema.json`).toSorted(),
    );
    for (const name of names) {
      const { examples } = JSON.parse(schemaText(name)) as { examples: unknown[] };
      expect(examples).not.toEqual([]);
      for (const example of examples) expect(problemsOf(name, example)).toEqual([]);
      expect(import.meta.resolve(`laminix/json/${name}.schema.json`)).toContain("dist/json/");
    }
  });

  test("are described in docs/json.md as the schemas have them", () => {
    execFileSync(process.execPath, ["scripts/json-page.js", "--check"], { cwd: projectRoot });
  });

  test("are told of in the help of each command", async () => {
    for (const { command } of Object.values(documents)) {
      const { stdout } = await runMain([command, "--help"]);
      expect(stdout.toString()).toMatch(/^With --json\b/m);
    }
  });
});

describeWith(
  ["docker-registry", "openssl", "nix-daemon", "nix-store", "nix-instantiate", "linux"],
  "with --json",
  () => {
    let scene: PushScene;
    let environment: Readonly<Record<string, string>>;
    let places: Readonly<Record<string, string>>;
    const json = (name: string, document: unknown): string => {
      writeFileSync(scene.folder.join(name), JSON.stringify(document));
      return scene.folder.join(name);
    };
    beforeAll(async () => {
      scene = await startPushScene();
      const { folder, nix, program, library, leaf, registry } = scene;
      environment = { ...nix.env, HOME: "/nowhere", LAMINIX_CACHE_DIR: folder.join("cache") };
      mkdirSync(folder.join("out"));
      mkdirSync(folder.join("site"));
      writeFileSync(folder.join("site/page"), "hello\n");
      const archive = folder.join("archive.tar");
      writeFileSync(archive, await archiveOf({ layers: [await layerOf({ one: "1" })], tags: ["it:1"] }));
      const base = await registry.push(archive, "base:1");
      const { config } = JSON.parse(blobIn(registry.storage, base).toString()) as {
        readonly config: { readonly digest: string; readonly size: number };
      };
      await using store = new NixStore(nix.uri);
      await store.addRoot(program, folder.join("result"));
      const expression =
        'derivation { name = "thing"; system = builtins.currentSystem; builder = "/bin/bash"; }';
      const derivation = await nix.run("nix-instantiate", ["--expr", expression]);
      const platform = { architecture: "amd64", os: "linux" };
      const owner = { uid: "0", gid: "0", uname: "root", gname: "root" };
      const dates = { created: "2024-05-06", mtime: "2024-05-06" };
      const image = {
        ...{
          name: "it",
          tag: null,
          fromImage: null,
          maxLayers: 100,
          layeringPipeline: null,
          strategy: "auto",
        },
        ...{ ...dates, ...owner, uid: 0, gid: 0, storeDir: nix.storeDir },
        baseJson: await nix.addTextFile("base.json", JSON.stringify({ ...platform, config: {} })),
        customisationLayer: await nix.addTextFile("top", ""),
      };
      const spec = { name: "it", tag: "1", contents: [program, folder.join("site")] };
      places = {
        OUT: folder.join("out"),
        ...{ PROGRAM: program, LIBRARY: library, LEAF: leaf, ARCHIVE: archive },
        REGISTRY: registry.host,
        BLOB: `${registry.host}/base@${config.digest}`,
        SIZE: String(config.size),
        DRV: derivation.stdout.toString().trim(),
        SPEC: json("spec.json", { ...spec, extraCommands: "echo a line" }),
        "SPEC-ARM": json("arm.json", { name: "it", tag: "1", contents: [leaf], architecture: "arm64" }),
        OTHER: json("other.json", { name: "other", contents: [leaf] }),
        SINGLE: json("single.json", { name: "it", tag: "1", copyToRoot: [folder.join("site")] }),
        CONF: json("conf.json", {
          ...{ ...platform, ...owner, ...dates, config: {}, store_dir: nix.storeDir, from_image: null },
          ...{ store_layers: [], customisation_layer: null, repo_tag: "it:1" },
        }),
        ATTRS: json("attrs.json", { outputs: { out: nix.pathFor("out") }, graph: [], image }),
        NEWER: await nix.addTextFile("twice-2", "2"),
        OLDER: await nix.addTextFile("twice-1", "1"),
      };
    });
    afterAll(() => scene[Symbol.asyncDispose]());

    const filled = (word: string): string =>
      word.replace(/^[A-Z-]+(?=\/|$)/, (name) => (Object.hasOwn(places, name) ? places[name]! : name));
    const laminix = (argv: readonly string[], situation: Situation = {}): Promise<Outcome> =>
      runMain([...argv.map(filled), "--store", scene.nix.uri, "--json"], { environment, ...situation });

    const printing = Object.entries(stored).filter(([name]) => name !== "stream");
    test.each(printing)("%s prints one document, and nothing but progress", async (name, argv) => {
      const { code, stdout, stderr } = await laminix(argv());
      expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
      const document: unknown = JSON.parse(stdout.toString());
      expect(stdout.toString()).toMatch(/[\]}]\n$/);
      expect(problemsOf(name as DocumentName, document)).toEqual([]);
      expectProgress(linesOf(stderr));
    });

    test.each<[DocumentName, string[]]>([
      ["stream", ["stream", "SPEC"]],
      ["build", ["build", "SPEC", "-o", "-"]],
      ["export", ["export", "ARCHIVE"]],
      ["merge", ["merge", "ARCHIVE", "-o", "-"]],
      ["stream-conf", ["stream-conf", "CONF"]],
      ["push", ["push", "ARCHIVE", "REGISTRY/digest:1", "--digest-file", "-"]],
    ])("%s prints it on standard error where standard output has something else", async (name, argv) => {
      const { code, stdout, stderr } = await laminix(argv);
      expect(code).toBe(0);
      const lines = linesOf(stderr);
      const document = JSON.parse(lines.pop() ?? "") as { readonly size: number };
      expect(problemsOf(name, document)).toEqual([]);
      expectProgress(lines);
      if (name !== "push") expect(stdout.length).toBe(document.size);
    });

    test("an image is told with its layers, also as an OCI layout", async () => {
      const argv = ["build", "SPEC", "-o", "OUT/layout", "--format", "oci-dir"];
      const { stdout } = await laminix(argv);
      const document = JSON.parse(stdout.toString()) as Record<string, unknown>;
      expect(problemsOf("build", document)).toEqual([]);
      expect(document).toMatchObject({
        ...{ name: "it", tag: "1", reference: "it:1", format: "oci-dir", output: filled("OUT/layout") },
        digest: expect.stringMatching(/^sha256:/),
        layers: [
          { kind: "store", sources: [scene.library] },
          { kind: "store", sources: [scene.program] },
          { kind: "root" },
        ],
      });
      const inspected = await laminix(["inspect", "OUT/layout"]);
      const [image] = (
        JSON.parse(inspected.stdout.toString()) as { images: [{ layers: object[]; digest: string }] }
      ).images;
      expect(image.digest).toBe(document["digest"]);
      const diffIds = (layers: unknown): unknown[] =>
        (layers as { diffId: string }[]).map(({ diffId }) => diffId);
      expect(diffIds(image.layers)).toEqual(diffIds(document["layers"]));
      const listed = await laminix(["inspect", "OUT/layout", "--files"]);
      expect(problemsOf("inspect", JSON.parse(listed.stdout.toString()))).toEqual([]);
    });

    test("warnings are in the document, and nowhere else, also with --quiet", async () => {
      const spec = json("misspelt.json", {
        name: "it",
        tag: "1",
        contents: [scene.leaf],
        config: { Entripoint: ["x"] },
      });
      for (const flags of [[], ["--quiet"]]) {
        const { stdout, stderr } = await laminix(["build", spec, "-o", "OUT/misspelt.tar", ...flags]);
        const { warnings } = JSON.parse(stdout.toString()) as { warnings: string[] };
        expect(warnings).toEqual([expect.stringContaining("Entrypoint")]);
        expectProgress(linesOf(stderr));
      }
      const people = await runMain(
        ["build", spec, "-o", filled("OUT/misspelt.tar"), "--store", scene.nix.uri],
        { environment },
      );
      expect(people.stderr).toMatch(/^warning: .*Entrypoint/m);
    });

    test("a failure is a document, with the warnings that came before it", async () => {
      const config = { Entripoint: ["x"] };
      const contents = [scene.nix.pathFor("absent")];
      const spec = json("failing.json", { name: "it", tag: "1", contents, config });
      const { code, stdout, stderr } = await laminix(["build", spec, "-o", "OUT/failing.tar"]);
      expect([code, stdout.length]).toEqual([1, 0]);
      const lines = linesOf(stderr);
      const failure = JSON.parse(lines.pop() ?? "") as object;
      expect(problemsOf("error", failure)).toEqual([]);
      expect(failure).toMatchObject({
        error: { code: "ERR_PATH_NOT_VALID" },
        warnings: [expect.stringContaining("Entrypoint")],
      });
      expectProgress(lines);
    });

    test("an image that is not valid is told of, and then the failure, without the warnings again", async () => {
      await laminix(["build", "SPEC", "-o", "OUT/broken", "--format", "oci-dir"]);
      const broken = filled("OUT/broken");
      const [blob = ""] = readdirSync(path.join(broken, "blobs/sha256"));
      rmSync(path.join(broken, "blobs/sha256", blob));
      const { code, stdout, stderr } = await laminix(["validate", broken]);
      expect(code).toBe(1);
      const document = JSON.parse(stdout.toString()) as object;
      expect(problemsOf("validate", document)).toEqual([]);
      expect(document).toMatchObject({ valid: false });
      const lines = linesOf(stderr);
      const failure: unknown = JSON.parse(lines.pop() ?? "");
      expectProgress(lines);
      expect(problemsOf("error", failure)).toEqual([]);
      expect(failure).toMatchObject({ error: { code: "ERR_NOT_VALID" }, warnings: [] });
    });

    test("warnings of a command whose document has no room for them end standard error", async () => {
      const link = await scene.nix.addTree("out", (at) => {
        execFileSync("ln", ["-s", "/nowhere", at]);
      });
      const { code, stdout, stderr } = await laminix(["mounts", link, "--for", "docker"]);
      expect([code, stdout.toString()]).toEqual([0, ""]);
      const document = JSON.parse(stderr) as object;
      expect(problemsOf("warnings", document)).toEqual([]);
      expect(document).toEqual({ warnings: [expect.stringContaining("/nowhere")] });
    });

    test.each([
      [["eval", 'builtins.trace "seen" 1'], "1\n", "trace: seen"],
      [["realise", "PROGRAM"], '["PROGRAM"]\n', undefined],
    ] as const)("so do what Nix warns of: %j", async (argv, printed, progress) => {
      const situation = { environment: { ...environment, NIX_CONFIG: "no-such-setting = 1" } };
      const { code, stdout, stderr } = await laminix(argv, situation);
      expect([code, stdout.toString()]).toEqual([0, printed.replace("PROGRAM", scene.program)]);
      const lines = linesOf(stderr);
      const document = JSON.parse(lines.pop() ?? "") as object;
      expect(problemsOf("warnings", document)).toEqual([]);
      const warnings = expect.arrayContaining([expect.stringContaining("no-such-setting")]) as string[];
      expect(document).toEqual({ warnings });
      expect(lines).toEqual(progress === undefined ? [] : [progress]);
    });

    test("a closure of a reference graph has the same document", async () => {
      const graph = json("graph.json", [{ path: scene.leaf, narSize: 7, references: [] }]);
      const { stdout } = await runMain(["closure", scene.leaf, "--graph", graph, "--json"]);
      expect(problemsOf("closure", JSON.parse(stdout.toString()))).toEqual([]);
    });
  },
);

describeWith(["dockerd", "busybox", "nix-daemon"], "with --json and an engine", () => {
  let engine: OwnDockerEngine;
  let daemon: Daemon;
  let folder: TemporaryFolder;
  let places: Readonly<Record<string, string>>;
  beforeAll(async () => {
    folder = await temporaryFolder("json");
    daemon = await startNixStore();
    engine = await startDockerEngine();
    await engine.docker(["import", "-", "shell"], { input: await shellLayer() });
    const archive = folder.join("archive.tar");
    writeFileSync(archive, await archiveOf({ layers: [await layerOf({ one: "1" })], tags: ["it:1"] }));
    places = { ARCHIVE: archive, PATH: await daemon.addTextFile("held", "held") };
    await engine.docker(["create", "--network", "none", "--name", "site", "shell", "/bin/sh"]);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test.each(Object.entries(inEngine))(
    "%s prints one document, and nothing but progress",
    async (name, argv) => {
      if (name === "hold-sweep") await engine.docker(["rm", "site"]);
      const environment = { DOCKER_HOST: engine.host, XDG_STATE_HOME: folder.path };
      const words = argv().map((word) => places[word] ?? word);
      const store = name === "hold" ? ["--store", daemon.uri] : [];
      const { code, stdout, stderr } = await runMain([...words, ...store, "--json"], { environment });
      expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
      expect(problemsOf(name as DocumentName, JSON.parse(stdout.toString()))).toEqual([]);
      expectProgress(linesOf(stderr));
    },
  );
});
