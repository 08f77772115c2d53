import { lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AtNixStore, atNixStore } from "../support/atNixStore.js";
import { type DebianClosure, debianClosure, largePackages, smallPackages } from "../support/debianStore.js";
import { type DockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { type ImageTools, imageTools } from "../support/imageTools.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { laminix, mustRun, projectRoot, type RunResult } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const debian = ["nix-daemon", "nix-store", "python3", "apt-get", "dpkg-deb"];
const bin = `${projectRoot}/dist/bundled/laminix.js`;

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("engines");
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});
const environment = (): Record<string, string> => ({ LAMINIX_CACHE_DIR: folder.join("cache") });

/** Runs the command line; its failure is the test's. */
async function mustLaminix(args: readonly string[]): Promise<RunResult> {
  const result = await laminix(args, { env: environment() });
  if (result.code !== 0) throw new Error(`laminix ${args.join(" ")}\n${result.stderr}`);
  return result;
}

/** A spec in a file. */
let specs = 0;
function specFile(spec: Readonly<Record<string, unknown>>): string {
  const file = folder.join(`spec-${specs++}.json`);
  writeFileSync(file, JSON.stringify(spec));
  return file;
}

/** `laminix stream ARGUMENT… | docker load`, as a user has it. */
async function streamInto(
  engine: DockerEngine,
  args: readonly string[],
): Promise<{ readonly loaded: string; readonly said: string }> {
  const script = `set -o pipefail; "$0" "$@" | docker load`;
  const result = await mustRun("bash", ["-c", script, process.execPath, bin, "stream", ...args], {
    env: { ...engine.env, ...environment() },
    timeout: 120_000,
  });
  const loaded = /Loaded image: (\S+)/.exec(result.stdout.toString())?.[1] ?? "";
  return { loaded, said: result.stderr };
}

async function runIn(engine: DockerEngine, args: readonly string[]): Promise<string> {
  const result = await engine.docker(["run", "--rm", "--network", "none", ...args]);
  return result.stdout.toString().trim();
}

/** What an archive's layers hold, by name, without the leading slash or dot. */
async function filesIn(archive: string): Promise<string[]> {
  const place = await mkdtemp(folder.join("unpacked-"));
  await mustRun("tar", ["-xf", archive, "-C", place]);
  const [manifest] = JSON.parse(readFileSync(`${place}/manifest.json`, "utf8")) as [{ Layers: string[] }];
  const listings = await Promise.all(
    manifest.Layers.map((layer) => mustRun("tar", ["-tPf", `${place}/${layer}`])),
  );
  return listings.flatMap(({ stdout }) =>
    stdout
      .toString()
      .split("\n")
      .filter(Boolean)
      .map((name) => name.replace(/^\.?\//, "")),
  );
}

describeWith([...debian, "dockerd"], "a Docker engine", () => {
  let engine: DockerEngine;
  let small: AtNixStore;
  let store: NixStore;
  let paths: readonly string[];
  let url: string;
  beforeAll(async () => {
    engine = await startDockerEngine();
    small = await atNixStore(await debianClosure(smallPackages));
    ({ store, paths, url } = small);
  });
  afterAll(async () => {
    await small[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  });

  /** The image that most tests look at, made once. */
  const config = {
    Cmd: ["/bin/bash", "-c", "id -u; echo $GREETING; pwd"],
    Env: ["PATH=/usr/bin:/bin", "GREETING=good day"],
    User: "1000:1000",
    WorkingDir: "/usr/share",
    Labels: { "org.example.kind": "test" },
    ExposedPorts: { "80/tcp": {} },
  };
  let archive: string | undefined;
  const smallArchive = async (): Promise<string> => {
    if (archive === undefined) {
      const spec = specFile({ name: "registry.example/my/image", contents: paths, config });
      await mustLaminix(["build", "--store", url, "-o", folder.join("small.tar"), spec]);
      archive = folder.join("small.tar");
    }
    return archive;
  };

  test("runs an image streamed from a store at /nix/store, as root and as another user", async () => {
    const spec = specFile({
      name: "small",
      tag: "1",
      contents: paths,
      config: { Cmd: ["/usr/bin/id", "-u"] },
    });
    const { loaded } = await streamInto(engine, ["--store", url, spec]);
    expect(loaded).toBe("small:1");
    expect(await runIn(engine, [loaded])).toBe("0");
    expect(await runIn(engine, ["--user", "1000:1000", loaded])).toBe("1000");
    const bash = paths.find((path) => /-bash-[^/]*$/.test(path))!;
    const link = await runIn(engine, [loaded, "/bin/bash", "-c", "readlink /bin/bash; echo $BASH_VERSION"]);
    const [target, version] = link.split("\n");
    expect(target).toBe(`${bash}/bin/bash`);
    expect(version).toMatch(/^\d+\.\d+/);
  });

  test("runs hundreds of packages streamed from a store elsewhere, as root and as another user", async () => {
    const large = await debianClosure(largePackages);
    expect(large.paths.length).toBeGreaterThan(200);
    await using elsewhere = await startNixStore({ at: large.root });
    const args = ["--store", elsewhere.uri, "--name", "large", ...large.paths];
    const { loaded, said } = await streamInto(engine, args);
    expect(said).toContain(`\n${loaded}  `);
    expect(said).toContain(`${large.paths.length} store paths, `);
    for (const user of ["0:0", "1000:1000"]) {
      const run = (...command: string[]): Promise<string> =>
        runIn(engine, ["--user", user, loaded, ...command]);
      expect(await run("/usr/bin/git", "--version")).toMatch(/^git version \d/);
      const python = "import os, ssl, sqlite3; print(os.getuid(), 6 * 7)";
      expect(await run("/usr/bin/python3", "-c", python)).toBe(`${user.split(":")[0]!} 42`);
    }
    const postgres = "/usr/lib/postgresql/15/bin/postgres";
    expect(await runIn(engine, [loaded, postgres, "--version"])).toMatch(/^postgres \(PostgreSQL\) 15/);
    await engine.docker(["rmi", loaded]);
  });

  test("keeps a name with a registry and slashes, and the tag that was printed", async () => {
    const spec = specFile({ name: "registry.example/my/image", contents: paths, config });
    const { loaded, said } = await streamInto(engine, ["--store", url, spec]);
    expect(loaded).toMatch(/^registry\.example\/my\/image:[0-9a-df-np-sv-z]{32}$/);
    expect(said).toContain(`\n${loaded}  `);
    // What is built into a file is the same image.
    const [image] = JSON.parse(
      (await mustLaminix(["inspect", "--json", await smallArchive()])).stdout.toString(),
    ).images;
    expect(image.tags).toEqual([loaded]);
    expect(await runIn(engine, [loaded])).toBe("1000\ngood day\n/usr/share");
  });

  test("agrees with laminix inspect on what an image is", async () => {
    const file = await smallArchive();
    await engine.docker(["load", "--input", file]);
    const [mine] = JSON.parse((await mustLaminix(["inspect", "--json", file])).stdout.toString()).images;
    const [theirs] = JSON.parse((await engine.docker(["image", "inspect", mine.tags[0]])).stdout.toString());
    expect(theirs.RepoTags).toContain(mine.tags[0]);
    expect(theirs.Config).toMatchObject(mine.config);
    expect(mine.config).toEqual(config);
    expect(theirs.RootFS.Layers).toEqual(mine.layers.map((layer: { diffId: string }) => layer.diffId));
    expect([theirs.Architecture, theirs.Os]).toEqual([mine.architecture, mine.os]);
    expect(theirs.Id).toBe(mine.configDigest);
  });

  test("loads the same image from a compressed file as from a plain one", async () => {
    const spec = specFile({ name: "both", contents: paths, config });
    const ids: string[] = [];
    for (const name of ["both.tar", "both.tar.gz"]) {
      const file = folder.join(name);
      await mustLaminix(["build", "--store", url, "-o", file, spec]);
      const { stdout } = await engine.docker(["load", "--input", file]);
      const loaded = /Loaded image: (\S+)/.exec(stdout.toString())![1]!;
      const id = await engine.docker(["image", "inspect", "--format", "{{.Id}}", loaded]);
      ids.push(`${loaded} ${id.stdout.toString()}`);
      await engine.docker(["rmi", loaded]);
      // The list that names an image's layers is the same for whoever reads the compressed file.
      await mustLaminix(["inspect", file]);
    }
    expect(ids[1]).toBe(ids[0]);
    const [plain, compressed] = ["both.tar", "both.tar.gz"].map((name) => readFileSync(folder.join(name)));
    expect(gunzipSync(compressed!).equals(plain!)).toBe(true);
  });

  test("runs an image without store paths on a store that is mounted into it", async () => {
    const file = folder.join("bare.tar");
    const args = ["--name", "bare", "--tag", "1", "--no-include-store-paths", "-o", file, ...paths];
    await mustLaminix(["build", "--store", url, ...args]);
    const files = await filesIn(file);
    expect(files.filter((name) => name.startsWith("nix"))).toEqual([]);
    expect(files).toContain("bin/bash");
    await engine.docker(["load", "--input", file]);
    const mount = `${store.realStoreDir}:/nix/store:ro`;
    expect(await runIn(engine, ["--volume", mount, "bare:1", "/bin/bash", "-c", "echo it runs"])).toBe(
      "it runs",
    );
  });

  test("is sent an image by load, and then only the layer that is another one", async () => {
    const say = (text: string): string => {
      const contents = folder.join(text);
      mkdirSync(contents);
      writeFileSync(`${contents}/text`, `${text}\n`);
      const command = { Cmd: ["/bin/bash", "-c", "cat /text"] };
      return specFile({ name: "loaded", tag: text, contents: [...paths, contents], config: command });
    };
    const load = async (spec: string): Promise<Record<string, unknown>> => {
      const args = ["load", "--store", url, "--host", engine.host, "--json", spec];
      return JSON.parse((await mustLaminix(args)).stdout.toString());
    };
    const first = await load(say("one"));
    expect(first).toMatchObject({ references: ["loaded:one"] });
    expect(first["layersSent"]).toBeGreaterThan(0); // other images may have brought some
    expect(first["layers"]).toBeGreaterThan(10);
    const two = say("two");
    expect(await load(two)).toMatchObject({ references: ["loaded:two"], layersSent: 1 });
    expect(await load(two)).toMatchObject({ sent: 0, layersSent: 0 });
    for (const text of ["one", "two"]) expect(await runIn(engine, [`loaded:${text}`])).toBe(text);
  });

  test("runs an image on top of one that it has saved itself", async () => {
    const base = folder.join("base.tar");
    const loaded = await engine.docker(["load", "--input", await smallArchive()]);
    const name = /Loaded image: (\S+)/.exec(loaded.stdout.toString())![1]!;
    await engine.docker(["save", "--output", base, name]);
    const more = await store.addTree("more", (place) => {
      mkdirSync(`${place}/share`, { recursive: true });
      writeFileSync(`${place}/share/more`, "more\n");
    });
    const command = ["/bin/bash", "-c", "cat /share/more; echo $GREETING $NAME"];
    const spec = {
      ...{ name: "on-top", tag: "1", fromImage: base, contents: [more] },
      config: { Cmd: command, Env: ["NAME=you"] },
    };
    const { loaded: onTop } = await streamInto(engine, ["--store", url, specFile(spec)]);
    expect(await runIn(engine, [onTop])).toBe("more\ngood day you");
    const layersOf = async (image: string): Promise<string[]> =>
      JSON.parse((await engine.docker(["image", "inspect", image])).stdout.toString())[0].RootFS.Layers;
    const [below, all] = [await layersOf(name), await layersOf(onTop)];
    expect(all.slice(0, below.length)).toEqual(below);
    expect(all.length).toBe(below.length + 2);
  });
});

describeWith([...debian, "podman", "skopeo", "umoci"], "other programs", () => {
  let tools: ImageTools;
  let file: string;
  let closure: DebianClosure;
  beforeAll(async () => {
    tools = await imageTools();
    closure = await debianClosure(smallPackages);
    file = folder.join("others.tar");
    await using store = await startNixStore({ at: closure.root });
    const flags = ["--name", "registry.example/others", "--tag", "1", "--cmd", "/bin/bash", "--env", "A=b"];
    await mustLaminix(["build", "--store", store.uri, ...flags, "-o", file, ...closure.paths]);
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
  });

  /** What `laminix inspect` says of it. */
  const described = async (): Promise<{ config: unknown; diffIds: string[] }> => {
    const [image] = JSON.parse((await mustLaminix(["inspect", "--json", file])).stdout.toString()).images;
    return { config: image.config, diffIds: image.layers.map((layer: { diffId: string }) => layer.diffId) };
  };

  test("podman loads it under its name, with its layers", async () => {
    const { stdout } = await tools.podman(["load", "--input", file]);
    expect(stdout.toString()).toContain("registry.example/others:1");
    const inspected = await tools.podman(["image", "inspect", "registry.example/others:1"]);
    const [image] = JSON.parse(inspected.stdout.toString());
    expect(image.Config).toMatchObject({ Cmd: ["/bin/bash"], Env: ["A=b"] });
    expect(image.RootFS.Layers).toEqual((await described()).diffIds);
  });

  test("skopeo reads it from the archive", async () => {
    const inspected = await tools.skopeo(["inspect", `docker-archive:${file}`]);
    const { diffIds, config } = await described();
    const image = JSON.parse(inspected.stdout.toString());
    expect(image).toMatchObject({ Os: "linux", Layers: diffIds, Env: ["A=b"] });
    const raw = await tools.skopeo(["inspect", "--config", `docker-archive:${file}`]);
    expect(JSON.parse(raw.stdout.toString()).config).toEqual(config);
  });

  test("umoci unpacks what skopeo has made an OCI layout of, every file as it is in the store", async () => {
    const layout = `${tools.join("layout")}:others`;
    await tools.skopeo(["copy", "--quiet", `docker-archive:${file}`, `oci:${layout}`]);
    const stat = JSON.parse((await tools.umoci(["stat", "--json", "--image", layout])).stdout.toString());
    const { diffIds } = await described();
    const layers = (stat.history as { layer: unknown; diff_id?: string }[]).filter(({ layer }) => layer);
    expect(layers.map((entry) => entry.diff_id)).toEqual(diffIds);

    const rootless = process.getuid?.() === 0 ? [] : ["--rootless"];
    await tools.umoci(["unpack", ...rootless, "--image", layout, tools.join("bundle")]);
    const root = tools.join("bundle/rootfs");
    for (const path of closure.paths) {
      await mustRun("diff", ["--recursive", "--no-dereference", path, `${root}${path}`]);
    }
    // The links in the image's root lead to them.
    expect(readlinkSync(`${root}/bin/bash`)).toMatch(new RegExp(`^${closure.storeDir}/[^/]+/bin/bash$`));
    expect(lstatSync(`${root}${readlinkSync(`${root}/bin/bash`)}`).mode & 0o777).toBe(0o555);
  });
});
