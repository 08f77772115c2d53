/** `nix flake init -t`: what a template gives is built and pushed by a real Nix, by the commands of its own workflow. */
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readImage } from "../builders/image.js";
import { startImageRegistry } from "../support/imageRegistry.js";
import { nixes } from "../support/nixes.js";
import { startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { laminix, mustRun, projectRoot } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";
import { vmKernelPath } from "../support/vm.js";

/** What a flake of a checkout is made of. */
const SOURCES = ["flake.nix", "nix", "templates"];

const system = process.arch === "arm64" ? "aarch64-linux" : "x86_64-linux";
/** A flake in place of nixpkgs: the test package set, which has laminix as it was built here. */
const nixpkgs = `{
  outputs = _: {
    legacyPackages.${system} =
      let
        pkgs = import ./nixPackages.nix {
          system = "${system}";
          path = ${JSON.stringify(process.env["PATH"])};
          kernel = ${JSON.stringify(vmKernelPath())};
          command = ${JSON.stringify(JSON.stringify(`${process.execPath} ${projectRoot}/dist/bundled/laminix.js`))};
        };
      in
      pkgs // { system = "${system}"; hello = pkgs.bashInteractive; callPackage = _: _: pkgs.laminix; };
  };
}
`;

/** The oldest and the newest. */
const [oldest, newest] = [nixes[0]!, nixes.at(-1)!];

for (const { release, name, needs } of [oldest, newest]) {
  describeWith([...needs, "docker-registry", "skopeo", "openssl"], `by ${name},`, () => {
    test("the template's image is built, and pushed as its workflow does it", async () => {
      await using folder = await temporaryFolder("template");
      await using store = await startNixStore({
        nix: release,
        config: "extra-experimental-features = flakes",
      });
      await using registry = await startImageRegistry({ plain: true });
      for (const source of SOURCES)
        cpSync(path.join(projectRoot, source), folder.join("laminix", source), { recursive: true });
      for (const each of ["nixpkgs", "project"]) mkdirSync(folder.join(each));
      const project = folder.join("project");
      writeFileSync(folder.join("nixpkgs/flake.nix"), nixpkgs);
      for (const file of ["nixPackages.nix", "machineBuild.nix"])
        copyFileSync(`${projectRoot}/test/support/${file}`, folder.join("nixpkgs", file));
      // What a reader of the template has to fill in, and what stands in for nixpkgs.
      const complete = (flake: string): void => {
        const text = readFileSync(flake, "utf8")
          .replace("path:/path/to/laminix", `path:${folder.join("laminix")}`)
          .replace(/github:NixOS\/nixpkgs[^"]*/, `path:${folder.join("nixpkgs")}`)
          .replace("registry.example", registry.host);
        writeFileSync(flake, text);
      };
      const shell = (command: string) =>
        store.run("bash", ["-euo", "pipefail", "-c", command], {
          cwd: project,
          env: { GITHUB_SHA: "0123abc", HOME: folder.path },
          timeout: 120_000,
        });

      complete(folder.join("laminix/flake.nix"));
      await shell(`nix flake init -t path:${folder.join("laminix")}`);
      complete(`${project}/flake.nix`);
      const workflow = readFileSync(`${project}/.github/workflows/image.yml`, "utf8");
      const commands = Array.from(workflow.matchAll(/^ +- run: (.*)$/gm), ([, command]) => command!);
      expect(commands).toHaveLength(2);
      for (const command of commands) await shell(command);

      const { layers, manifest } = await readImage((await mustRun(`${project}/result`, [])).stdout);
      expect(manifest.RepoTags).toEqual([`${registry.host}/hello:latest`]);
      for (const tag of ["latest", "0123abc"]) {
        const file = folder.join(`${tag}.tar`);
        expect((await laminix(["pull", `${registry.host}/hello:${tag}`, "-o", file])).code).toBe(0);
        expect((await readImage(readFileSync(file))).layers).toHaveLength(layers.length);
      }
    });
  });
}
