/** `nix/package.nix` and `flake.nix`, with what they take from nixpkgs stood in for. */
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type NixFunctions, nixFunctions } from "../support/nixFunctions.js";
import { node24Path } from "../support/otherNodes.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun, projectRoot, type RunOptions } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";

/** What the package asks nixpkgs for. */
const ARGUMENTS = `import ${projectRoot}/test/support/nixpkgsArguments.nix {
  path = ${JSON.stringify(process.env["PATH"])};
  headers = "${projectRoot}/node_modules/node-api-headers/include";
  certificates = ${JSON.stringify(process.env["NODE_EXTRA_CA_CERTS"] ?? "/etc/ssl/certs/ca-certificates.crt")};
}`;

/** An expression for what is built of the package. */
const PACKAGE = `(import ${projectRoot}/nix/package.nix (${ARGUMENTS}))`;

/** What `scripts/npm-deps-hash` says, with other variables in its environment. */
async function npmDepsHash(env: RunOptions["env"] = {}, umask = "022"): Promise<string> {
  const script = `umask ${umask} && ${projectRoot}/scripts/npm-deps-hash`;
  return (await mustRun("sh", ["-c", script], { env, timeout: 300_000 })).stdout.toString().trim();
}

describeWith(["npm", "nix-hash"], "the npm packages that the package is built with", () => {
  let hash: string;
  beforeAll(async () => {
    hash = await npmDepsHash();
  });

  test("have the hash that is pinned", () => {
    expect(
      readFileSync(`${projectRoot}/nix/npm-deps.hash`, "utf8"),
      `nix/npm-deps.hash is not of this package-lock.json; it has to be ${hash}, ` +
        "which `scripts/npm-deps-hash >nix/npm-deps.hash` writes",
    ).toBe(`${hash}\n`);
  });

  testWith(["node24"], "are the same for another Node, other settings of npm and another umask", async () => {
    await using cache = await temporaryFolder();
    const env = {
      PATH: `${path.dirname(node24Path())}${path.delimiter}${process.env["PATH"] ?? ""}`,
      NODE_ENV: "production",
      npm_config_cache: cache.path,
      npm_config_include: "optional",
      npm_config_omit: "dev",
      npm_config_install_strategy: "nested",
      npm_config_bin_links: "false",
    };
    expect(await npmDepsHash(env, "077")).toBe(hash);
  });
});

describeWith(["nix-daemon", "nix-store", "npm", "cmake", "ninja", "c++"], "the package", () => {
  let nix: NixFunctions;
  beforeAll(async () => {
    // The builder's npm does not read the user's settings, and its environment is the daemon's.
    const registry = (await mustRun("npm", ["config", "get", "registry"])).stdout.toString().trim();
    const proxies = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name));
    nix = await nixFunctions({
      daemonEnv: { ...Object.fromEntries(proxies), NPM_CONFIG_REGISTRY: registry },
    });
  });
  afterAll(async () => {
    await nix[Symbol.asyncDispose]();
  });

  test("has the name and the version of package.json", async () => {
    const { name, version } = JSON.parse(readFileSync(`${projectRoot}/package.json`, "utf8"));
    expect(await nix.evaluate(`{ inherit (${PACKAGE}.arguments) pname version; }`)).toEqual({
      pname: name,
      version,
    });
  });

  test(
    "is built to a tool that runs, with the packages for production alone",
    { timeout: 600_000 },
    async () => {
      const built = await nix.build(PACKAGE);
      const { version, dependencies } = JSON.parse(readFileSync(`${projectRoot}/package.json`, "utf8"));
      expect((await mustRun(`${built}/bin/laminix`, ["--version"])).stdout.toString().trim()).toBe(version);

      const home = `${built}/lib/node_modules/laminix`;
      expect(readdirSync(home).sort()).toEqual(["LICENSE", "build", "dist", "node_modules", "package.json"]);
      const installed = readdirSync(`${home}/node_modules`);
      expect(installed).toEqual(expect.arrayContaining(Object.keys(dependencies)));
      for (const name of ["typescript", "@types", "undici-types", "vitest"])
        expect(installed).not.toContain(name);

      const script = `console.log(Object.keys(require(process.argv[1]).encoders).sort().join())`;
      const { stdout } = await mustRun(process.execPath, ["-e", script, `${home}/build/Release/addon.node`]);
      expect(stdout.toString()).toBe("libdeflate,zstd\n");

      // The daemon is asked by the addon that was built.
      const asked = await mustRun(`${built}/bin/laminix`, ["closure", built, "--json"], {
        env: nix.store.env,
      });
      expect(asked.stdout.toString()).toContain(built);
    },
  );

  test("has its npm packages from the registry that the builder's environment names", async () => {
    const asked: (string | undefined)[] = [];
    const registry = createServer((request, response) => {
      asked.push(request.url);
      response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await once(registry, "listening");
    const { port } = registry.address() as AddressInfo;
    const env = { NPM_CONFIG_REGISTRY: `http://127.0.0.1:${port}/` };
    await using elsewhere = await nixFunctions({ daemonEnv: env });
    const { code } = await elsewhere.tryToBuild(`${PACKAGE}.npmDeps`);
    registry.close();
    expect(code).not.toBe(0);
    expect(asked).toContain("/zod");
  });

  test("leaves out of its source what is no source", async () => {
    const source = await nix.evaluate<string>(
      `builtins.attrNames (builtins.readDir "\${${PACKAGE}.arguments.src}")`,
    );
    expect(source).toEqual(expect.arrayContaining(["native", "package-lock.json", "src", "tsconfig.json"]));
    for (const name of ["node_modules", "dist", "build", ".cache", ".git"])
      expect(source).not.toContain(name);
  });

  test("is in the flake for each system, beside the functions that use it", async () => {
    const value = await nix.evaluate(`
      let
        nixpkgs = {
          legacyPackages.x86_64-linux = pkgs // { callPackage = file: _: "\${file}"; };
        };
        self = (import ${projectRoot}/flake.nix).outputs { inherit nixpkgs; self = self // { outPath = ""; }; };
        overlaidBy = overlay:
          let set = pkgs // { callPackage = _: _: pkgs.laminix; } // overlay set { dockerTools.tarsum = "theirs"; };
          in set;
        overlaid = overlaidBy self.overlays.default;
        replaced = (overlaidBy self.overlays.dockerTools).dockerTools;
        # Whoever reaches for nixpkgs fails.
        alone = (import ${projectRoot}/flake.nix).outputs { nixpkgs = throw "nixpkgs is asked for"; self = alone; };
      in {
        systems = builtins.attrNames self.packages;
        package = baseNameOf self.packages.x86_64-linux.default;
        image = (self.lib.x86_64-linux.streamLayeredImage { name = "x"; }).name;
        overlay = (overlaid.laminixTools.streamLayeredImage { name = "x"; }).name;
        replaced = [ (replaced.streamLayeredImage { name = "x"; }).name replaced.tarsum ];
        alone = [
          (alone.lib.forPkgs pkgs).binSh.name
          ((overlaid // alone.overlays.dockerTools overlaid { }).dockerTools.binSh.name)
        ];
      }`);
    expect(value).toEqual({
      systems: ["aarch64-darwin", "aarch64-linux", "x86_64-darwin", "x86_64-linux"],
      package: expect.stringMatching(/package\.nix$/),
      image: "stream-x",
      overlay: "stream-x",
      replaced: ["stream-x", "theirs"],
      alone: ["bin-sh", "bin-sh"],
    });
  });
});
