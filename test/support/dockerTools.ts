/**
 * What the tests in test/integration/dockerTools share: packages in a store at /nix/store, and an engine to run images in.
 * Those tests are named after lines of nixpkgs' tests of dockerTools: the images of examples.nix, and what
 * nixos/tests/docker-tools.nix asserts of them. Lines on images from a registry (nixFromDockerHub, pullImage) are not among
 * them.
 */
import { chmodSync, cpSync, createWriteStream, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
// Threads are started from compiled files.
import {
  buildImage,
  type BuildOptions,
  DigestCache,
  type ImageSpec,
  type NixStore as Store,
  openStore,
  type ProgressEvent,
  type SingleLayerSpec,
  streamLayeredImage,
} from "../../dist/index.js";
import { type AtNixStore, atNixStore } from "./atNixStore.js";
import { debianClosure, smallPackages } from "./debianStore.js";
import { type DockerEngine, startDockerEngine } from "./dockerEngine.js";
import { laminix, mustRun, type RunResult } from "./run.js";
import { inMachine } from "./vm.js";
import { type TemporaryFolder, temporaryFolder } from "./temporary.js";

/** What `describeWith` is to ask for. */
export const storePrograms = ["nix-daemon", "nix-store", "python3", "apt-get", "dpkg-deb", "cc"];
export const enginePrograms = [...storePrograms, "dockerd"];

/** An image that has been written to a file. */
export interface Made {
  readonly file: string;
  /** Name and tag. */
  readonly reference: string;
  readonly warnings: readonly string[];
}

export interface Inspected {
  readonly Id: string;
  readonly Created: string;
  readonly Architecture: string;
  readonly RepoTags: readonly string[];
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Config: {
    readonly Env?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly User?: string;
    readonly WorkingDir?: string;
    readonly Healthcheck?: unknown;
  };
}

export interface DockerTools extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly nix: AtNixStore;
  readonly store: Store;
  /** bash and coreutils with all that they need at their places, such as /lib64: programs of Debian look for it there. */
  readonly shell: string[];
  /** Programs of one static file: busybox with its names, and one that says hello. */
  readonly busybox: string;
  readonly hello: string;
  /** `streamLayeredImage`, into a file. */
  stream(spec: ImageSpec): Promise<Made>;
  /** `laminix build`: `buildLayeredImage`; uncompressed unless the spec says otherwise. */
  build(spec: ImageSpec, flags?: readonly string[], file?: string): Promise<Made>;
  /** `buildImage`; uncompressed unless the spec says otherwise. */
  single(spec: SingleLayerSpec, how?: BuildOptions["runAsRoot"]): Promise<Made>;
  /** Runs the command line on the store; its failure is the test's. */
  laminix(args: readonly string[]): Promise<RunResult>;
  engine(): DockerEngine;
  /** `docker load`: the references that it names. */
  load(file: string): Promise<string[]>;
  /** Loads an image and runs a container of it; what it prints. */
  runMade(made: Made, args?: readonly string[], options?: readonly string[]): Promise<string>;
  run(reference: string, args?: readonly string[], options?: readonly string[]): Promise<string>;
  inspect(reference: string): Promise<Inspected>;
}

export async function dockerTools({
  packages = smallPackages,
  engine: wanted = "docker",
}: {
  readonly packages?: readonly string[];
  readonly engine?: "docker" | "none";
} = {}): Promise<DockerTools> {
  const folder = await temporaryFolder("dockertools");
  const [nix, engine] = await Promise.all([
    debianClosure(packages).then(atNixStore),
    wanted === "docker" ? startDockerEngine() : undefined,
  ]);
  const store = await openStore(nix.url);
  const cache = new DigestCache(folder.join("cache"));
  const [busybox, hello] = await Promise.all([addBusybox(nix), addHello(nix, "hello-2.12")]);
  const shell = [...nix.paths];
  let count = 0;
  const fileFor = (name: string): string => folder.join(`${String(count++)}-${basename(name)}`);

  /** Options for a build, and the warnings that it has given. */
  function building() {
    const warnings: string[] = [];
    const onProgress = (event: ProgressEvent): void => {
      if (event.type === "warning") warnings.push(event.message);
    };
    return { options: { store, cache, onProgress }, warnings };
  }

  async function command(args: readonly string[]): Promise<RunResult> {
    const [name = "", ...rest] = args;
    const result = await laminix([name, "--store", nix.url, ...rest], {
      env: { LAMINIX_CACHE_DIR: folder.join("cache"), SOURCE_DATE_EPOCH: undefined },
      timeout: 120_000,
    });
    if (result.code !== 0) throw new Error(`laminix ${args.join(" ")}\n${result.stderr}`);
    return result;
  }

  const tools: DockerTools = {
    ...{ folder, nix, store, shell, busybox, hello },
    laminix: command,
    stream: async (spec) => {
      const { options, warnings } = building();
      await using image = await streamLayeredImage(spec, options);
      const file = fileFor(`${spec.name}.tar`);
      await pipeline(image.stream(), createWriteStream(file));
      return { file, reference: `${image.imageName}:${image.imageTag}`, warnings };
    },
    build: async (spec, flags = [], file = fileFor(`${spec.name}.tar`)) => {
      const specFile = fileFor("spec.json");
      writeFileSync(specFile, JSON.stringify({ compressor: "none", ...spec }));
      const { stderr } = await command(["build", ...flags, "-o", file, specFile]);
      const lines = stderr.trimEnd().split("\n");
      const [reference = ""] = lines.at(-1)!.split("  ");
      const warnings = lines.flatMap((line) => /^warning: (.*)/.exec(line)?.[1] ?? []);
      return { file, reference, warnings };
    },
    single: async (spec, how) => {
      const { options, warnings } = building();
      const output = fileFor(`${spec.name}.tar`);
      const { imageName, imageTag } = await buildImage(
        { compressor: "none", ...spec },
        { ...options, output, runAsRoot: { ...inMachine, ...how } },
      );
      return { file: output, reference: `${imageName}:${imageTag}`, warnings };
    },
    engine: () => {
      if (!engine) throw new Error("these tests have no engine");
      return engine;
    },
    load: async (file) => {
      const { stdout } = await tools.engine().docker(["load", "--input", file]);
      return [...stdout.toString().matchAll(/Loaded image(?: ID)?: (\S+)/g)].map((match) => match[1]!);
    },
    runMade: async ({ file, reference }, args, options) => {
      const loaded = await tools.load(file);
      if (!loaded.includes(reference)) throw new Error(`loaded ${loaded.join(", ")}, not ${reference}`);
      return tools.run(reference, args, options);
    },
    run: async (reference, args = [], options = []) => {
      const flags = ["--rm", "--network", "none", ...options];
      const result = await tools.engine().docker(["run", ...flags, reference, ...args]);
      return result.stdout.toString().trim();
    },
    inspect: async (reference) => {
      const { stdout } = await tools.engine().docker(["image", "inspect", reference]);
      return (JSON.parse(stdout.toString()) as [Inspected])[0];
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await nix[Symbol.asyncDispose]();
      await engine?.[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
  return tools;
}

async function addBusybox(nix: AtNixStore): Promise<string> {
  const { stdout } = await mustRun("/bin/busybox", ["--list"]);
  const names = stdout
    .toString()
    .split("\n")
    .filter((name) => name !== "" && name !== "busybox");
  return nix.store.addTree("busybox-1.35", (place) => {
    mkdirSync(`${place}/bin`, { recursive: true });
    cpSync("/bin/busybox", `${place}/bin/busybox`, { dereference: true });
    for (const name of names) symlinkSync("busybox", `${place}/bin/${name}`);
  });
}

/** A program of its own, so that its store path is one that nothing else needs. */
export async function addHello(nix: AtNixStore, name: string): Promise<string> {
  await using folder = await temporaryFolder("hello");
  writeFileSync(
    folder.join("hello.c"),
    `#include <stdio.h>\nint main(void) { puts("Hello, world!"); return 0; }\n`,
  );
  await mustRun("cc", ["-static", "-O1", "-o", folder.join("hello"), folder.join("hello.c")]);
  return await nix.store.addTree(name, (place) => {
    mkdirSync(`${place}/bin`, { recursive: true });
    cpSync(folder.join("hello"), `${place}/bin/hello`);
    chmodSync(`${place}/bin/hello`, 0o755);
  });
}

/** The names in an image's root, as `laminix export` unpacks it and GNU tar lists it, such as `bin/bash`. */
export async function exportedNames(tools: DockerTools, archive: string): Promise<string[]> {
  const tar = `${archive}.root`;
  await tools.laminix(["export", archive, "-o", tar]);
  const { stdout } = await mustRun("tar", ["--list", "--file", tar]);
  return stdout
    .toString()
    .split("\n")
    .filter((name) => name !== "" && name !== "./")
    .map((name) => name.replace(/^\.\//, "").replace(/\/$/, ""));
}

/** `config` and its kin in an archive, as they are written there. */
export async function configText(archive: string): Promise<string> {
  const read = async (member: string): Promise<string> =>
    (await mustRun("tar", ["--extract", "--to-stdout", "--file", archive, member])).stdout.toString();
  const [{ Config }] = JSON.parse(await read("manifest.json")) as [{ Config: string }];
  return read(Config);
}
