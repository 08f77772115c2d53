/** A machine as the pages assume it: a store with the packages that they name, registries, an engine, and programs. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { copyTo } from "../support/binaryCache.js";
import { type DockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { archiveOf, tarOf } from "../support/images.js";
import { shellLayer } from "../support/engineImages.js";
import { unpackedReader } from "../support/mountReaders.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { type PodmanEngine, startPodmanEngine } from "../support/podmanEngine.js";
import { projectRoot, run, type RunResult } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { vmKernelPath } from "../support/vm.js";
import { STAND_INS } from "./pages.js";
import { type Site, startSite } from "./site.js";

/** The paths of the graph that docs/layering.md draws on. */
const SHOP = (
  JSON.parse(readFileSync(path.join(projectRoot, "docs/examples/shop-graph.json"), "utf8")) as {
    readonly path: string;
  }[]
).map((each) => each.path);

export interface RunIn {
  readonly folder: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What errors call the lines. */
  readonly name?: string;
}

/**
 * The lines of what has been printed, without the shape of trees. Their order is left out: of equals, the path with the
 * smaller hash comes first, and hashes depend on where a test's store is.
 */
export function sameLines(output: string): string[] {
  return output
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^[│├└─ ]+/, "").trimEnd())
    .toSorted();
}

export class World implements AsyncDisposable {
  readonly store: NixStore;
  readonly engine: DockerEngine;
  readonly podman: PodmanEngine;
  readonly site: Site;
  readonly folder: TemporaryFolder;
  readonly env: Readonly<Record<string, string>>;
  #folders = 0;

  private constructor(
    store: NixStore,
    engine: DockerEngine,
    podman: PodmanEngine,
    site: Site,
    folder: TemporaryFolder,
  ) {
    this.store = store;
    this.engine = engine;
    this.podman = podman;
    this.site = site;
    this.folder = folder;
    this.env = {
      ...store.env,
      ...site.env,
      PATH: `${folder.join("bin")}:${store.env["PATH"] ?? ""}`,
      HOME: folder.join("home"),
      XDG_RUNTIME_DIR: folder.join("runtime"),
      DOCKER_HOST: engine.host,
      DOCKER_CONTEXT: "",
      CONTAINER_HOST: podman.host,
      PODMAN_STORAGE: `--remote --url ${podman.host}`,
      LAMINIX_VM_KERNEL: vmKernelPath(),
      NIX_PATH: `nixpkgs=${folder.join("nixpkgs")}`,
      DOCUMENTATION_PACKAGES: path.join(projectRoot, "test/support/nixPackages.nix"),
      DOCUMENTATION_SHOP: path.join(projectRoot, "docs/examples/shop-graph.json"),
      DOCUMENTATION_PATH: process.env["PATH"] ?? "",
      DOCUMENTATION_KERNEL: vmKernelPath(),
      DOCUMENTATION_COMMAND: `${process.execPath} ${path.join(projectRoot, "dist/bundled/laminix.js")}`,
    };
  }

  static async start(): Promise<World> {
    const folder = await temporaryFolder("documentation");
    const [store, engine, podman, site] = await Promise.all([
      startNixStore({
        config: `extra-experimental-features = flakes\nflake-registry = ${folder.join("flakes.json")}`,
      }),
      startDockerEngine(),
      startPodmanEngine(),
      startSite(folder),
    ]);
    const world = new World(store, engine, podman, site, folder);
    try {
      world.#writePrograms();
      await Promise.all([world.#build(), world.#pushBases()]);
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site[Symbol.asyncDispose]();
    await this.podman[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }

  #writePrograms(): void {
    const { folder } = this;
    for (const name of ["bin", "home", "runtime", "nixpkgs"]) mkdirSync(folder.join(name));
    copyFileSync(
      path.join(projectRoot, "test/documentation/nixpkgs.nix"),
      folder.join("nixpkgs/default.nix"),
    );
    const system = process.arch === "arm64" ? "aarch64-linux" : "x86_64-linux";
    writeFileSync(
      folder.join("nixpkgs/flake.nix"),
      `{ outputs = _: { legacyPackages.${system} = import ./. { system = "${system}"; }; }; }\n`,
    );
    // What `nixpkgs` is in the name of a flake.
    const flakes = [
      {
        from: { type: "indirect", id: "nixpkgs" },
        to: { type: "path", path: folder.join("nixpkgs") },
      },
    ];
    writeFileSync(folder.join("flakes.json"), JSON.stringify({ version: 2, flakes }));
    mkdirSync(folder.join("node_modules"));
    symlinkSync(projectRoot, folder.join("node_modules/laminix"));
    this.program("laminix", 'exec $DOCUMENTATION_COMMAND "$@"');
    // Its engine has no network, and its Compose is that of another release.
    this.program(
      "docker",
      `
      case "$1" in
        run | create)
          verb=$1
          shift
          set -- "$verb" --network none "$@" ;;
        compose)
          shift
          if [ "$1" != -f ]; then set -- -f compose.yaml "$@"; fi
          set -- -f ${folder.join("no-network.yaml")} "$@"
          exec ${unpackedReader("docker-compose")} --project-directory . "$@" ;;
      esac
      exec /usr/bin/docker "$@"`,
    );
    for (const [name, { script }] of Object.entries(STAND_INS)) this.program(name, script);
    writeFileSync(folder.join("no-network.yaml"), "services: { web: { network_mode: none } }\n");
  }

  /** Puts a script into the folder of programs that come before this machine's. */
  program(name: string, script: string, folder = this.folder.join("bin")): void {
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  async #build(): Promise<void> {
    const args = ["<nixpkgs>", "-A", "all", "--no-out-link"];
    const { stdout } = await this.store.run("nix-build", args, { env: this.env, timeout: 300_000 });
    const hello = stdout
      .toString()
      .split("\n")
      .filter((line) => line.endsWith("-hello-2.12.1"));
    await copyTo(this.site.cacheFolder, this.store, hello, { "secret-key": this.site.key.secret });
  }

  async #pushBases(): Promise<void> {
    const base = this.folder.join("base.tar");
    const files = await tarOf([
      { name: "bin/cat", type: "symlink", linkname: "busybox" },
      { name: "etc/os-release", body: 'NAME="Debian GNU/Linux"\n' },
    ]);
    const debian = { layers: [await shellLayer(), files], config: { Env: ["PATH=/bin"], Cmd: ["/bin/sh"] } };
    writeFileSync(base, await archiveOf({ ...debian, tags: ["debian:12"] }));
    for (const name of ["library/debian:12", "library/nginx:1.27", "base:1", "app:1"])
      await this.site.registry.push(base, name);
  }

  /** A new folder, in which links lead to packages, by the attributes of these. */
  async newFolder(links: Readonly<Record<string, string>> = {}): Promise<string> {
    const folder = this.folder.join(String(++this.#folders));
    mkdirSync(folder);
    for (const [name, attribute] of Object.entries(links))
      await this.store.run("nix-build", ["<nixpkgs>", "-A", attribute, "-o", name, "--quiet"], {
        env: this.env,
        cwd: folder,
      });
    return folder;
  }

  /** The path of the package with a name, or the first whose name begins with it. */
  #pathOf(wanted: string): string {
    const [, stem = wanted, drv = ""] = /^(.*?)(\.drv)?$/.exec(wanted) ?? [];
    const names = [
      ...readdirSync(this.store.realStoreDir),
      ...SHOP.map((each) => path.basename(each)),
    ].filter((name) => name.endsWith(".drv") === (drv !== ""));
    const found =
      names.find((name) => name.slice(33) === wanted) ??
      names.find((name) => /^-\d/.test(name.slice(33).replace(stem, "")) && name.slice(33).startsWith(stem));
    if (found === undefined) throw new Error(`no package has the name ${wanted}`);
    return SHOP.find((each) => path.basename(each) === found) ?? `${this.store.storeDir}/${found}`;
  }

  /** A text of a page, with what it leaves out, and with places of the test in place of the machine's. */
  complete(text: string, folder: string): string {
    const digest = path.join(folder, "digest");
    const places: Readonly<Record<string, string>> = {
      "/path/to/laminix": projectRoot,
      "/etc/systemd/system": path.join(folder, "etc/systemd/system"),
      "/nix/var/nix/gcroots": path.join(this.store.stateDir, "gcroots"),
      "/srv/data": path.join(folder, "srv"),
      "/src/pkgs": this.folder.join("nixpkgs"),
      "tcp://127.0.0.1:2375": this.engine.host,
      "unix:///run/nix.sock?store=/other/store": this.store.uri,
      "https://cache.nixos.org": `https://cache.example?trusted-public-keys=${this.site.key.public}`,
      "key-1:…": `key-1:${Buffer.alloc(64).toString("base64")}`,
      "/run/web-store": path.join(folder, "web-store"),
      "/var/run/docker.sock": this.engine.socket,
      "unix:///run/podman/podman.sock": this.podman.host,
      "cache.example-1:…": this.site.key.public,
      ...(existsSync(digest) && { "sha256:…": readFileSync(digest, "utf8").trim() }),
    };
    let completed = text.replaceAll(/\/nix\/store\/…-([\w.+-]*\w)/g, (_, name: string) => this.#pathOf(name));
    for (const [written, meant] of Object.entries(places)) completed = completed.replaceAll(written, meant);
    return completed;
  }

  /** What a program has printed, with the hashes left out. */
  abbreviated(output: string): string {
    return output
      .replaceAll(new RegExp(`${this.store.storeDir}/[0-9a-z]{32}-`, "g"), "/nix/store/…-")
      .replaceAll(/sha256:[0-9a-f]+/g, "sha256:…");
  }

  /** Puts a file of a page where the page says that it is, or to that place in a folder where it is the machine's. */
  write(name: string, text: string, folder: string): void {
    const file = name.startsWith("~") ? name.replace("~", this.env["HOME"] ?? "") : path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, this.complete(text, folder));
  }

  /** Runs lines of a shell as they stand; both outputs are one. */
  shell(text: string, { folder, env }: RunIn): Promise<RunResult> {
    const lines = `exec 2>&1\n${this.complete(text, folder)}`;
    return run("bash", ["-euo", "pipefail", "-c", lines], {
      cwd: folder,
      env: { ...this.env, ...env },
      timeout: 120_000,
    });
  }

  /** The same; rejects unless all of it succeeds. Answers what has been printed, without hashes. */
  async mustShell(text: string, place: RunIn): Promise<string> {
    const { code, stdout } = await this.shell(text, place);
    const output = this.abbreviated(stdout.toString());
    if (code !== 0)
      throw new Error(`${place.name ?? "what is given"}\n${text}\nended with ${String(code)}\n${output}`);
    return output;
  }
}
