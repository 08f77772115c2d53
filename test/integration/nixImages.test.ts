/** Images that the functions of `nix/` build, in a real Docker engine. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readImage } from "../builders/image.js";
import { type DockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { type NixFunctions, nixFunctions } from "../support/nixFunctions.js";
import { startPodmanEngine } from "../support/podmanEngine.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";

const hello = `{
  name = "hello";
  contents = [ pkgs.bashInteractive images.fakeNss ];
  config = { Cmd = [ "/bin/sh" "-c" "echo hello from $(id -un)" ]; Env = [ "PATH=/bin" ]; };
}`;
/** For what needs a shell and nothing else. */
const shell = `contents = [ pkgs.bashInteractive ]; config.Env = [ "PATH=/bin" ];`;

const programs = ["nix-daemon", "nix-store", "dockerd", "fakeroot", "sqlite3"];

describeWith(programs, "of what nix/ builds,", () => {
  let nix: NixFunctions;
  let engine: DockerEngine;
  beforeAll(async () => {
    nix = await nixFunctions();
    engine = await startDockerEngine();
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await nix[Symbol.asyncDispose]();
  });

  /** @returns the references of the images that an archive holds */
  const load = async (archive: Buffer): Promise<string[]> => {
    const { stdout } = await engine.docker(["load"], { input: archive });
    return Array.from(stdout.toString().matchAll(/Loaded image: (\S+)/g), ([, reference]) => reference!);
  };
  const loadStream = async (expression: string): Promise<string> =>
    (await load((await mustRun(await nix.build(expression), [])).stdout))[0]!;
  const loadFile = async (expression: string): Promise<string> =>
    (await load(readFileSync(await nix.build(expression))))[0]!;
  const runIn = async (args: readonly string[]): Promise<string> =>
    (await engine.docker(["run", "--rm", "--network", "none", ...args])).stdout.toString().trim();

  test("a stream is loaded under the name and tag that its attributes tell, and runs", async () => {
    const image = `images.streamLayeredImage ${hello}`;
    const tag = await nix.evaluate<string>(`(${image}).imageTag`);
    const loaded = await loadStream(image);
    expect(loaded).toBe(`hello:${tag}`);
    expect(await runIn([loaded])).toBe("hello from root");
    expect(await runIn(["--user", "65534:65534", loaded])).toBe("hello from nobody");
  });

  test("its programs load it into the engine: a stream or a file", async () => {
    for (const [file, expression] of [
      ["layered", `images.streamLayeredImage (${hello} // { tag = "stream"; })`],
      ["layered", `images.buildLayeredImage (${hello} // { tag = "file"; })`],
      ["single", `images.buildImage { name = "hello"; tag = "single"; copyToRoot = pkgs.bashInteractive; }`],
    ] as const) {
      const tag = await nix.evaluate<string>(`(${expression}).imageTag`);
      const folder = await nix.build(`(${expression}).copyToDockerDaemon`);
      await mustRun(`${folder}/bin/copy-to-docker-daemon`, [], { env: engine.env });
      const said = await runIn([
        `hello:${tag}`,
        ...(file === "single" ? ["/bin/sh", "-c", "echo hello from root"] : []),
      ]);
      expect(said).toBe("hello from root");
    }
    expect(await nix.evaluate(`(images.streamLayeredImage ${hello}).copyToRegistry.meta.mainProgram`)).toBe(
      "copy-to-registry",
    );
  });

  testWith(["podman"], "its program loads it into podman", async () => {
    await using podman = await startPodmanEngine();
    const folder = await nix.build(`(images.streamLayeredImage (${hello} // { tag = "1"; })).copyToPodman`);
    await mustRun(`${folder}/bin/copy-to-podman`, ["--host", podman.host]);
    const { stdout } = await podman.podman(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    expect(stdout.toString()).toContain("hello:1");
  });

  test("commands, owners and modes are in the image, and store paths that commands alone name", async () => {
    const loaded = await loadStream(`images.streamLayeredImage {
      name = "commands";
      ${shell}
      extraCommands = ''
        mkdir -p srv data
        echo made > srv/file
      '';
      fakeRootCommands = ''
        chown 1000:100 srv/file
        ln -s \${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt srv/certificates
      '';
      perms = [ { path = "/data"; mode = "0700"; uid = 12; gid = 34; } ];
    }`);
    expect(await runIn([loaded, "/bin/stat", "-c", "%u:%g %a %n", "/srv/file", "/data"])).toBe(
      "1000:100 644 /srv/file\n12:34 700 /data",
    );
    expect(await runIn([loaded, "/bin/cat", "/srv/file", "/srv/certificates"])).toBe("made\ncertificates");
  });

  test("a script that fails ends the build with what it said", async () => {
    const { code, stderr } = await nix.tryToBuild(`images.streamLayeredImage {
      name = "fails"; extraCommands = "echo on the way; false; echo never";
    }`);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/extraCommands failed with exit code 1[^]*on the way/);
    expect(stderr).not.toContain("never");
  });

  test("buildImage has all in one layer: copies at the root, and the closure of what they and the configuration name", async () => {
    const image = `images.buildImage {
      name = "Registry.example:5000/one/Layer";
      copyToRoot = [ pkgs.bashInteractive images.fakeNss ];
      extraCommands = "echo made > file";
      config = { Env = [ "PATH=/bin" "CERTIFICATES=\${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt" ]; };
    }`;
    const file = await nix.build(image);
    expect(path.basename(file).slice(33)).toBe("docker-image-Layer.tar.gz");
    const tag = await nix.evaluate<string>(`(${image}).imageTag`);
    expect(tag).toBe(path.basename(file).slice(0, 32));
    const [loaded] = await load(readFileSync(file));
    expect(loaded).toBe(`registry.example:5000/one/layer:${tag}`);
    expect(
      await runIn([loaded!, "/bin/sh", "-c", "cat /file $CERTIFICATES; readlink /etc/passwd || id -un"]),
    ).toBe("made\ncertificates\nroot");
    const inspected = await engine.docker(["inspect", "--format", "{{len .RootFS.Layers}}", loaded!]);
    expect(inspected.stdout.toString().trim()).toBe("1");
  });

  test("buildImage goes on top of a base image, and tells the old name of its parameter", async () => {
    const loaded = await loadFile(`images.buildImage {
      name = "on-top"; tag = "1";
      fromImage = images.buildLayeredImage ${hello};
      contents = images.binSh;
      compressor = "none";
    }`);
    expect(await runIn([loaded])).toBe("hello from root");
    const { stderr } = await nix.tryToBuild(
      `images.buildImage { name = "x"; contents = images.binSh; copyToRoot = images.binSh; }`,
    );
    expect(stderr).toContain("has both copyToRoot and contents");
  });

  test.each<[string, string, string[]]>([
    ["buildLayeredImageWithNixDb", "contents", ["pkgs.bashInteractive", "images.binSh"]],
    // What was copied is there too: Nix in the image is to know it.
    ["buildImageWithNixDb", "copyToRoot", ["pkgs.bashInteractive", "images.binSh"]],
  ])("%s has a database that knows the store paths in the image", async (builder, parameter, expected) => {
    const file = await nix.build(`images.${builder} {
      name = "database"; compressor = "none"; ${parameter} = [ images.binSh ];
    }`);
    const { layers } = await readImage(readFileSync(file));
    const { body } = layers.at(-1)!.find(({ header }) => header.name.endsWith("nix/var/nix/db/db.sqlite"))!;
    const database = path.join(nix.store.root, `${builder}.sqlite`);
    writeFileSync(database, body);
    const { stdout } = await mustRun("sqlite3", [database, "select path from ValidPaths order by path"]);
    const paths = await Promise.all(expected.map((each) => nix.build(each)));
    expect(stdout.toString().trim().split("\n")).toEqual(paths.sort());
  });

  /** A derivation as anybody might write one; its builder is the shell that is in the image. */
  const drv = `derivation {
    name = "greeting";
    system = builtins.currentSystem;
    builder = "\${pkgs.bashInteractive}/bin/bash";
    args = [ "-c" "echo $words from $(cat $textPath) > $out" ];
    words = [ "hello" 2 true ];
    text = "a file";
    passAsFile = [ "text" ];
    input = pkgs.cacert;
    PATH = "\${pkgs.bashInteractive}/bin";
  }`;

  test("streamNixShellImage has the environment of a derivation, in which it can be built", async () => {
    const image = `images.streamNixShellImage { drv = ${drv}; run = ''echo "$words $input"; buildDerivation && cat "$out"''; }`;
    const loaded = await loadStream(image);
    expect(loaded).toBe(`greeting-env:${await nix.evaluate<string>(`(${image}).imageTag`)}`);
    expect(await runIn([loaded])).toBe(`hello 2 1 ${await nix.build("pkgs.cacert")}\nhello 2 1 from a file`);
  });

  test("a shell is refused for structured attributes, and for two things to run", async () => {
    const said = async (args: string): Promise<string> =>
      (await nix.tryToBuild(`images.streamNixShellImage { ${args} }`)).stderr;
    expect(
      await said(`drv = derivation { name = "x"; __structuredAttrs = true; builder = "x"; system = "x"; };`),
    ).toContain("x has structured attributes");
    expect(await said(`drv = ${drv}; command = "a"; run = "b";`)).toContain(
      "either command or run, not both",
    );
  });
});
