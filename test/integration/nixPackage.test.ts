/** `nix/package.nix` and `flake.nix`, evaluated with what they take from nixpkgs stood in for. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type NixFunctions, nixFunctions } from "../support/nixFunctions.js";
import { describeWith } from "../support/requirements.js";
import { projectRoot } from "../support/run.js";

/** The functions of nixpkgs' library that are used, written from what its manual says of them. */
const LIBRARY = `rec {
  importJSON = file: builtins.fromJSON (builtins.readFile file);
  last = list: builtins.elemAt list (builtins.length list - 1);
  splitString = separator: text: builtins.filter builtins.isString (builtins.split separator text);
  filterAttrs = keep: set: builtins.listToAttrs (map (name: { inherit name; value = set.\${name}; })
    (builtins.filter (name: keep name set.\${name}) (builtins.attrNames set)));
  mapAttrs = builtins.mapAttrs;
  getAttrs = names: set: filterAttrs (name: _: builtins.elem name names) set;
  genAttrs = names: value: builtins.listToAttrs (map (name: { inherit name; value = value name; }) names);
  getDev = package: package.dev or package;
  optionalString = condition: text: if condition then text else "";
  licenses.mit = "MIT";
  platforms.unix = [ "x86_64-linux" ];
}`;

/** What the package asks for; builders answer what they are given. */
const ARGUMENTS = `{
  lib = ${LIBRARY};
  stdenv.hostPlatform.isDarwin = false;
  buildNpmPackage = arguments: arguments;
  importNpmLock = { __functor = _: arguments: arguments; npmConfigHook = "hook"; };
  nodejs = "/nodejs"; cmake = "/cmake"; ninja = "/ninja";
}`;

interface Package {
  readonly pname: string;
  readonly version: string;
  readonly npmDeps: {
    readonly package: { readonly devDependencies: Readonly<Record<string, string>> };
    readonly packageLock: { readonly packages: Readonly<Record<string, Locked>> };
  };
}
interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

describeWith(["nix-daemon", "nix-store"], "the package", () => {
  let nix: NixFunctions;
  let built: Package;
  beforeAll(async () => {
    nix = await nixFunctions();
    built = await nix.evaluate<Package>(`{
      inherit (import ${projectRoot}/nix/package.nix ${ARGUMENTS}) pname version npmDeps;
    }`);
  });
  afterAll(async () => {
    await nix[Symbol.asyncDispose]();
  });

  test("has the name and the version of package.json", () => {
    const { name, version } = JSON.parse(readFileSync(`${projectRoot}/package.json`, "utf8"));
    expect([built.pname, built.version]).toEqual([name, version]);
  });

  test("fetches each package by its hash, and of those for development what a build needs", () => {
    const { packages } = built.npmDeps.packageLock;
    const { "": root, ...others } = packages;
    expect(root!.devDependencies).toEqual(built.npmDeps.package.devDependencies);
    for (const [place, { version, resolved, integrity }] of Object.entries(others)) {
      const name = place.split("node_modules/").at(-1)!;
      expect(resolved).toMatch(
        new RegExp(`/${name}/-/${name.split("/").at(-1)!}-${version.replaceAll(".", "\\.")}\\.tgz$`),
      );
      expect(integrity).toMatch(/^sha512-/);
    }
    // Whatever one of them depends on is there too: in its own node_modules, or in one further up.
    for (const [place, { dependencies = {}, devDependencies = {} }] of Object.entries(packages)) {
      for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
        const above = place
          .split("/node_modules/")
          .map((_, i, parts) => parts.slice(0, parts.length - i).join("/node_modules/"));
        const places = [...above.map((at) => (at === "" ? "" : `${at}/`)), ""].map(
          (at) => `${at}node_modules/${name}`,
        );
        expect(
          places.some((each) => each in packages),
          `${name} of ${place}`,
        ).toBe(true);
      }
    }
    expect(Object.keys(packages)).not.toContain("node_modules/vitest");
  });

  test("leaves out of its source what is no source", async () => {
    const source = await nix.evaluate<string>(
      `builtins.attrNames (builtins.readDir "\${(import ${projectRoot}/nix/package.nix ${ARGUMENTS}).src}")`,
    );
    expect(source).toEqual(expect.arrayContaining(["native", "package-lock.json", "src", "tsconfig.json"]));
    for (const name of ["node_modules", "dist", "build", ".cache", ".git"])
      expect(source).not.toContain(name);
  });

  test("is in the flake for each system, beside the functions that use it", async () => {
    const value = await nix.evaluate(`
      let
        nixpkgs = {
          lib = ${LIBRARY};
          legacyPackages.x86_64-linux = pkgs // { callPackage = file: _: "\${file}"; };
        };
        self = (import ${projectRoot}/flake.nix).outputs { inherit nixpkgs; self = self // { outPath = ""; }; };
        overlaid = pkgs // { callPackage = _: _: pkgs.laminix; } // self.overlays.default overlaid { };
      in {
        systems = builtins.attrNames self.packages;
        package = baseNameOf self.packages.x86_64-linux.default;
        image = (self.lib.x86_64-linux.streamLayeredImage { name = "x"; }).name;
        overlay = (overlaid.laminixTools.streamLayeredImage { name = "x"; }).name;
      }`);
    expect(value).toEqual({
      systems: ["aarch64-darwin", "aarch64-linux", "x86_64-darwin", "x86_64-linux"],
      package: expect.stringMatching(/package\.nix$/),
      image: "stream-x",
      overlay: "stream-x",
    });
  });
});
