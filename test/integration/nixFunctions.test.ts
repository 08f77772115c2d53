/** The functions of `nix/`, evaluated and built by real Nix in a store that is not at /nix/store. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeNss, shadowSetup, validateImage } from "../../dist/index.js";
import { namesOf, readImage } from "../builders/image.js";
import { type Node, referenceAuto } from "../layering/reference.js";
import { account, type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import { archiveOf, Layout, layerOf, sha256 } from "../support/images.js";
import { type NixFunctions, nixFunctions } from "../support/nixFunctions.js";
import { nixes } from "../support/nixes.js";
import { referenceStream } from "../support/oracle.js";
import { describeWith, testWith } from "../support/requirements.js";
import { laminix, mustRun, run } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

/** As much of a `conf.json` as is looked at. */
interface Conf {
  readonly config: Readonly<Record<string, unknown>>;
  readonly architecture: string;
  readonly store_dir: string;
  readonly store_layers: readonly (readonly string[])[];
  readonly customisation_layer: string;
  readonly repo_tag: string;
  readonly created: string;
  readonly mtime: string;
}
const confIn = (file: string): Conf => JSON.parse(readFileSync(file, "utf8")) as Conf;

/** What a script prints. */
const outputOf = async (script: string, args: readonly string[] = []): Promise<Buffer> =>
  (await mustRun(script, args)).stdout;

const hello = `{
  name = "hello";
  contents = [ pkgs.bashInteractive images.fakeNss ];
  config = { Cmd = [ "/bin/sh" "-c" "echo hello from $(id -un)" ]; Env = [ "PATH=/bin" ]; };
}`;

for (const { release, name, needs } of nixes) {
  describeWith([...needs, "python3", "fakeroot", "sqlite3", "zstd"], `by ${name}, streamLayeredImage`, () => {
    let nix: NixFunctions;
    beforeAll(async () => {
      nix = await nixFunctions({ nix: release });
    });
    afterAll(async () => {
      await nix[Symbol.asyncDispose]();
    });

    test("builds a script that streams what nixpkgs' would for the same conf.json", async () => {
      const script = await nix.build(`images.streamLayeredImage ${hello}`);
      const conf = await nix.build(`(images.streamLayeredImage ${hello}).conf`);
      expect(path.basename(script)).toMatch(/^[^-]+-stream-hello$/);
      expect(path.basename(conf)).toMatch(/^[^-]+-hello-conf\.json$/);
      const archive = await outputOf(script);
      expect(archive.equals(await referenceStream(conf))).toBe(true);
      const { layers } = await readImage(archive);
      expect(namesOf(layers.at(-1)!)).toContain("./bin/sh");
      expect(layers.slice(0, -1).flatMap(namesOf)).toContain(
        `${await nix.build("pkgs.bashInteractive")}/bin/busybox`,
      );
    });

    test("and every other function build the same bytes again", async () => {
      const built = `
        let
          drv = derivation {
            name = "x"; system = builtins.currentSystem; builder = "\${pkgs.bashInteractive}/bin/bash"; PATH = "";
          };
          layered = images.buildLayeredImage ${hello};
        in [
          (images.streamLayeredImage ${hello}).conf
          layered
          (images.buildLayeredImageWithNixDb (${hello} // {
            fakeRootCommands = "touch file; chown 3:4 file";
            compressor = "zstd";
          }))
          (images.buildImageWithNixDb {
            name = "one"; tag = "1"; fromImage = layered; copyToRoot = images.binSh; extraCommands = "touch file";
          })
          (images.buildNixShellImage { inherit drv; })
          (images.mergeImages [ layered (images.buildImage { name = "empty"; tag = "1"; }) ])
          (images.exportImage { fromImage = layered; })
          images.fakeNss images.binSh images.usrBinEnv images.caCertificates
        ]`;
      expect((await nix.build(built)).split("\n")).toHaveLength(11);
      // Outside of a sandbox this builds to other paths, so a tag must not come from the path.
      await nix.build(built, ["--check"]);
    });

    // Before 2.18, Nix refuses it.
    if (release !== "installed")
      testWith(
        ["docker-registry", "openssl"],
        "fetches blobs that name store paths of the builder's",
        async () => {
          await using registry = await startImageRegistry({ plain: true });
          await using folder = await temporaryFolder("nix");
          const archive = folder.join("image.tar");
          const config = { Env: [`TOOLS=${await nix.build("pkgs.coreutils")}`] };
          writeFileSync(archive, await archiveOf({ layers: [await layerOf({ file: "" })], config }));
          const name = `${registry.host}/it/image`;
          const lock = folder.join("lock.json");
          for (const args of [
            ["push", archive, `${name}:1`, "--layer-compression", "none"],
            ["lock", `${name}:1`, "-o", lock],
          ])
            expect(await laminix(args)).toMatchObject({ code: 0 });
          const image = `images.pullImageFromManifest { manifest = ${lock}; }`;
          const layout = await nix.build(image);
          expect((await validateImage(layout)).problems).toEqual([]);
          const { stdout } = await nix.store.run("nix-store", ["-qR", layout]);
          expect(stdout.toString()).not.toContain("coreutils");
        },
      );
  });
}

describeWith(["nix-daemon", "nix-store", "nix"], "of nix/,", () => {
  let nix: NixFunctions;
  let folder: TemporaryFolder;
  /** A file that the daemon's environment names. */
  let logins: string;
  beforeAll(async () => {
    folder = await temporaryFolder("nix");
    logins = folder.join("auth.json");
    writeFileSync(logins, "{}");
    nix = await nixFunctions({ daemonEnv: { REGISTRY_AUTH_FILE: logins } });
  });
  afterAll(async () => {
    await nix[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Why an expression cannot be evaluated or built. */
  const failure = async (expression: string): Promise<string> => {
    const { code, stderr } = await nix.tryToBuild(expression);
    expect(code).not.toBe(0);
    return stderr;
  };
  const confOf = async (args: string): Promise<Conf> =>
    confIn(await nix.build(`(images.streamLayeredImage ${args}).conf`));

  describe("streamLayeredImage", () => {
    test("has the attributes of dockerTools', with the user's passthru beside them and under passthru", async () => {
      const value = await nix.evaluate<Record<string, unknown>>(`
        let image = images.streamLayeredImage {
          name = "Registry.example:5000/my/Image";
          passthru = { version = 7; imageTag = "not this one"; };
          meta.description = "an image";
        };
        in {
          inherit (image) name imageName imageTag isExe version meta;
          confName = image.conf.name;
          isScript = image.streamScript.type;
          isPassthru = { inherit (image.passthru) imageTag isExe version; };
          hash = builtins.substring 0 32 (baseNameOf image.conf.outPath);
          hasContext = builtins.hasContext image.imageTag;
        }`);
      expect(value).toEqual({
        name: "stream-Image",
        imageName: "registry.example:5000/my/image",
        imageTag: value["hash"],
        isExe: true,
        version: 7,
        meta: { description: "an image" },
        confName: "Image-conf.json",
        isScript: "derivation",
        isPassthru: { imageTag: value["hash"], isExe: true, version: 7 },
        hash: expect.stringMatching(/^[0-9a-z]{32}$/),
        hasContext: false,
      });
    });

    test("names the image in small letters, with the tag that the attribute tells", async () => {
      const unnamed = `{ name = "Registry.example:5000/my/Image"; }`;
      const tag = await nix.evaluate<string>(`(images.streamLayeredImage ${unnamed}).imageTag`);
      expect((await confOf(unnamed)).repo_tag).toBe(`registry.example:5000/my/image:${tag}`);
      expect((await confOf(`{ name = "x"; tag = "1.0"; }`)).repo_tag).toBe("x:1.0");
    });

    test("takes another name and tag when it is run", async () => {
      const script = await nix.build(`images.streamLayeredImage { name = "x"; }`);
      for (const args of [
        ["--repo_tag", "other/name:2"],
        ["-t", "other/name:2"],
      ]) {
        const { manifest } = await readImage(await outputOf(script, args));
        expect(manifest.RepoTags).toEqual(["other/name:2"]);
      }
    });

    test("can be run by its streamScript and conf, as others' tools do", async () => {
      const script = await nix.build(`images.streamLayeredImage ${hello}`);
      const stream = await nix.build(`(images.streamLayeredImage ${hello}).streamScript`);
      const conf = await nix.build(`(images.streamLayeredImage ${hello}).conf`);
      expect((await outputOf(stream, [conf])).equals(await outputOf(script))).toBe(true);
    });

    test("can be overridden, by a set or by a function, as often as wanted", async () => {
      const value = await nix.evaluate(`
        let
          image = images.streamLayeredImage { name = "x"; tag = "1"; };
          next = image.override { tag = "2"; };
        in [
          next.imageTag
          (next.override (before: { name = before.name + "y"; })).imageName
          (next.override (before: { name = before.name + "y"; })).imageTag
          (builtins.functionArgs images.streamLayeredImage.__functor)
          images.streamLayeredImage.__functionArgs.name
          images.streamLayeredImage.__functionArgs.tag
        ]`);
      expect(value).toEqual(["2", "xy", "2", {}, false, true]);
    });

    test("has overrideAttrs, as derivations of nixpkgs do, which override leaves in force", async () => {
      const value = await nix.evaluate(`
        let
          image = images.streamLayeredImage { name = "x"; tag = "1"; passthru.tests.one = 1; meta.description = "d"; };
          named = image.overrideAttrs (old: { name = old.name + "y"; passthru = old.passthru // { more = 2; }; });
          again = named.override { tag = "2"; };
          final = image.overrideAttrs (final: old: { one = 1; two = final.one + 1; });
        in [
          [ named.name named.more named.imageTag named.tests.one named.meta.description ]
          [ again.name again.more again.imageTag ]
          final.drvAttrs.two
          ((image.overrideAttrs { }).outPath == image.outPath)
          ((images.fakeNss.overrideAttrs { name = "z"; }).override { }).name
          (images.binSh.overrideAttrs { name = "z"; }).name
        ]`);
      expect(value).toEqual([["stream-xy", 2, "1", 1, "d"], ["stream-xy", 2, "2"], 2, true, "z", "z"]);
    });

    test("gives scripts the functions and programs of the standard environment, where there is one", async () => {
      // A stand-in: nixpkgs' too fails for unset variables, and sets PATH anew.
      const stdenv = `derivation {
        name = "stdenv"; system = builtins.currentSystem; builder = "/bin/sh"; PATH = "${process.env["PATH"] ?? ""}";
        args = [ "-c" "mkdir -p $out/bin; ln -s $(which install) $out/bin; cp $setupPath $out/setup" ];
        passAsFile = [ "setup" ];
        setup = ''
          set -eu
          : "$out" "$NIX_BUILD_TOP"
          [ -z "''\${NIX_ATTRS_SH_FILE-}" ]
          PATH=$stdenv/bin
          substituteInPlace() { local text; text=$(<"$1"); printf '%s\\n' "''\${text//"$3"/"$4"}" >"$1"; }
          set +u
        '';
      }`;
      const set = `(functions { pkgs = pkgs // { stdenv = ${stdenv}; }; })`;
      const commands = (file: string): string =>
        `echo old >${file}; substituteInPlace ${file} --replace old new; install -m 700 ${file} ${file}.installed`;
      const layered = await nix.build(`${set}.streamLayeredImage {
        name = "x"; extraCommands = "${commands("extra")}"; fakeRootCommands = "${commands("root")}; chown 3:4 root";
      }`);
      const { layers } = await readImage(await outputOf(layered));
      expect(layers).toHaveLength(1);
      const single = await nix.build(
        `${set}.buildImage { name = "x"; extraCommands = "${commands("extra")}"; }`,
      );
      const { layers: singles } = await readImage(gunzipSync(readFileSync(single)));
      for (const [layer, files] of [
        [layers[0]!, ["extra", "root"]],
        [singles[0]!, ["extra"]],
      ] as const) {
        for (const file of files) {
          const found = layer.find(({ header }) => header.name.endsWith(`${file}.installed`))!;
          expect([found.body.toString(), found.header.mode]).toEqual(["new\n", 0o700]);
        }
      }
      const said = await failure(`${set}.buildImage { name = "x"; extraCommands = "true\nfalse\n"; }`);
      expect(said).toContain("line 2");
    });

    test("passes the configuration on as it is", async () => {
      const { config, architecture } = await confOf(`{
        name = "x";
        architecture = "arm64";
        config = { Big = 9007199254740993; Text = "ü\\n"; Nested = { "z" = null; "a" = [ ]; }; };
      }`);
      const text = readFileSync(
        await nix.build(`(images.streamLayeredImage { name = "x"; config.Big = 9007199254740993; }).conf`),
        "utf8",
      );
      expect(text).toContain('"Big": 9007199254740993');
      expect(architecture).toBe("arm64");
      expect(config).toMatchObject({ Text: "ü\n", Nested: { z: null, a: [] } });
    });

    test("is for this machine's architecture, by Go's name, unless told otherwise", async () => {
      const names: Readonly<Record<string, string>> = { x64: "amd64" };
      const { architecture } = await confOf(`{ name = "x"; }`);
      expect(architecture).toBe(names[process.arch] ?? process.arch);
      const cross = `functions { pkgs = pkgs // { stdenv.hostPlatform.system = "armv7l-linux"; }; }`;
      const conf = confIn(await nix.build(`((${cross}).streamLayeredImage { name = "x"; }).conf`));
      expect(conf.architecture).toBe("arm");
    });

    test("writes times in UTC to the second, and leaves now to the script", async () => {
      const times = async (created: string, mtime: string): Promise<string[]> => {
        const conf = await confOf(`{ name = "x"; created = "${created}"; mtime = "${mtime}"; }`);
        return [conf.created, conf.mtime];
      };
      expect(await times("2024-05-06T01:02:03.5+02:00", "@86400")).toEqual([
        "2024-05-05T23:02:03+00:00",
        "1970-01-02T00:00:00+00:00",
      ]);
      expect(await times("now", "now")).toEqual(["now", "now"]);
    });

    test("puts paths into layers as nixpkgs does, the configuration and the customisation layer among the nodes", async () => {
      // Each node is a file of its own size that names the nodes it references.
      const nodes = [
        ["base", 40_000, []],
        ["libc", 90_000, ["base"]],
        ["ssl", 30_000, ["libc"]],
        ["zip", 10_000, ["libc"]],
        ["tls", 12_000, ["ssl"]],
        ["net", 50_000, ["tls", "zip"]],
        ["gui", 150_000, ["libc", "zip"]],
        ["cli", 5_000, ["net"]],
        ["app", 20_000, ["gui", "net"]],
        ["own", 100, []],
      ] as const;
      const graph = nodes
        .map(
          ([node, size, references]) =>
            `${node} = node "${node}" ${size} "${references.map((to) => "${" + to + "}").join(" ")}";`,
        )
        .join("\n");
      for (const maxLayers of [2, 3, 5, 6, 8, 100]) {
        const image = `let
            node = name: size: references: derivation {
              inherit name references;
              system = builtins.currentSystem;
              builder = "/bin/sh";
              PATH = "${process.env["PATH"] ?? ""}";
              args = [ "-c" "mkdir $out; echo $references > $out/$name; head -c \${toString size} /dev/zero > $out/$name.data" ];
            };
            ${graph}
          in images.streamLayeredImage {
            name = "x";
            contents = [ app cli ];
            config.Env = [ "OWN=\${own}" ];
            maxLayers = ${maxLayers};
          }`;
        const built = await nix.build(
          `let conf = (${image}).conf; in [ conf conf.image.baseJson conf.image.customisationLayer ]`,
        );
        const [conf, ...roots] = built.split("\n") as [string, ...string[]];
        const infos = JSON.parse(
          (await nix.store.run("nix", ["path-info", "-r", "--json", ...roots])).stdout.toString(),
        ) as { path: string; narSize: number; references: string[] }[];
        const planned = infos
          .sort((one, other) => (one.path < other.path ? -1 : 1))
          .map(({ path: node, narSize, references }): Node => {
            return { name: node, narSize, references, isVirtual: roots.includes(node) };
          });
        const layers = confIn(conf).store_layers;
        expect(layers).toEqual(referenceAuto(planned, maxLayers - 1));
        expect(layers.flat().length).toBe(nodes.length);
      }
    });

    test("puts paths into layers by a pipeline: a list, or a file that a build has made", async () => {
      const pipeline = `[ [ "split_paths" [ "\${pkgs.cacert}" ] ] ]`;
      const layersBy = async (layeringPipeline: string): Promise<Conf["store_layers"]> => {
        const { store_layers: layers } = await confOf(`{
          name = "x"; contents = [ pkgs.bashInteractive images.caCertificates images.binSh ]; maxLayers = 1;
          layeringPipeline = ${layeringPipeline};
        }`);
        return layers;
      };
      const layers = await layersBy(pipeline);
      const certificates = await nix.build("pkgs.cacert");
      // What only holds links is in no layer: the links are in the layer of the root, and lead to what they name.
      expect(layers).toEqual([[certificates], [await nix.build("pkgs.bashInteractive")]]);
      const file = `derivation {
        name = "pipeline.json"; system = builtins.currentSystem; builder = "/bin/sh";
        args = [ "-c" "echo '\${builtins.toJSON ${pipeline}}' > $out" ];
      }`;
      expect(await layersBy(file)).toEqual(layers);
    });

    test("puts paths into layers of one's own, without those that lower layers have", async () => {
      const node = (name: string, needs: string): string =>
        `derivation { name = "${name}"; system = builtins.currentSystem; builder = "/bin/sh"; PATH = "${process.env["PATH"] ?? ""}";
          args = [ "-c" "echo ${needs} > $out" ]; }`;
      const image = (layers: string, more = ""): string => `
        let
          libc = ${node("libc", "c")}; ssl = ${node("ssl", "${libc}")}; app = ${node("app", "${ssl} ${zip}")};
          zip = ${node("zip", "${libc}")}; tool = ${node("tool", "${zip}")};
        in images.streamLayeredImage { name = "x"; config.Env = [ "APP=\${app}" ]; layers = ${layers}; ${more} }`;
      const namesIn = async (layers: string, more?: string): Promise<string[][]> =>
        confIn(await nix.build(`(${image(layers, more)}).conf`)).store_layers.map((layer) =>
          layer.map((file) => path.basename(file).slice(33)).sort(),
        );
      // The tool is in the image though nothing names it.
      expect(await namesIn("[ { deps = [ ssl ]; } { deps = [ tool ssl ]; } ]")).toEqual([
        ["libc", "ssl"],
        ["tool", "zip"],
        ["app"],
      ]);
      expect(await namesIn("[ { deps = [ ssl ]; maxLayers = 2; } ]", "maxLayers = 4;")).toEqual([
        ["libc"],
        ["ssl"],
        ["app", "zip"],
      ]);
      expect(await namesIn("[ { deps = [ app ]; } ]")).toEqual([["app", "libc", "ssl", "zip"]]);
      expect(await failure(image("[ { deps = [ ssl ]; } ]", "maxLayers = 2;"))).toContain(
        "raise it to 3 or more",
      );
      expect(await failure(image("[ { deps = [ ssl ]; } ]", "layeringPipeline = [ ];"))).toContain(
        "keep one",
      );
      expect(await failure(image("[ { } ]"))).toMatch(/deps/);
    });

    test("has no limit to the number of store paths, nor to the length of what names them", async () => {
      const count = 3000;
      const { config, store_layers: layers } = await confOf(`{
        name = "x";
        config.Env = builtins.genList (i: "FILE\${toString i}=\${builtins.toFile "file" (toString i)}") ${count};
        maxLayers = 10;
      }`);
      expect((config["Env"] as string[]).length).toBe(count);
      expect(new Set(layers.flat()).size).toBe(count);
    });

    test("with includeStorePaths = false has no store path in it", async () => {
      const script = await nix.build(
        `(images.streamLayeredImage ${hello}).override { includeStorePaths = false; }`,
      );
      const { layers } = await readImage(await outputOf(script));
      expect(layers.length).toBe(1);
      expect(namesOf(layers[0]!).filter((name) => name.includes(path.basename(nix.store.storeDir)))).toEqual(
        [],
      );
    });

    test("adds to a base image what it has not, and inherits what it does not say itself", async () => {
      const onTop = (maxLayers: number): string =>
        `images.streamLayeredImage {
          name = "top";
          fromImage = images.buildLayeredImage ${hello};
          maxLayers = ${maxLayers};
          config.Env = [ "TOP=\${pkgs.cacert}" "SHELL=\${pkgs.bashInteractive}/bin/sh" ];
        }`;
      const base = await readImage(
        gunzipSync(readFileSync(await nix.build(`images.buildLayeredImage ${hello}`))),
      );
      const count = base.layers.length;
      const archive = await outputOf(await nix.build(onTop(count + 2)));
      const top = await readImage(archive);
      expect(top.config.rootfs.diff_ids.slice(0, count)).toEqual(base.config.rootfs.diff_ids);
      const conf = await nix.build(`(${onTop(count + 2)}).conf`);
      expect(confIn(conf).store_layers).toEqual([[await nix.build("pkgs.cacert")]]);
      expect(top.layers.length).toBe(count + 2);
      expect(top.config.config).toEqual({
        ...base.config.config,
        Env: ["PATH=/bin", expect.stringMatching(/^TOP=/), expect.stringMatching(/^SHELL=/)],
      });
      expect(archive.equals(await referenceStream(conf))).toBe(true);
      const said = await failure(onTop(count + 1));
      expect(said).toContain(`maxLayers is ${count + 1}`);
      expect(said).toContain(`${count} to the base image`);
      expect(said).toContain(`raise maxLayers to ${count + 2} or more`);
    });

    test("builds upon an OCI layout as upon an archive, and keeps its history", async () => {
      const layout = new Layout(folder.join("layout"));
      const parts = {
        layers: [await layerOf({ "etc/base": "base" })],
        config: { Env: ["PATH=/bin"], Cmd: ["/bin/base"] },
        history: [{ created_by: "ADD base" }],
      };
      layout.index([layout.image(parts, gzipSync, "+gzip")]);
      const base = `fromImage = ${layout.folder};`;
      const conf = await nix.build(
        `(images.streamLayeredImage { name = "top"; contents = [ pkgs.cacert ]; ${base} }).conf`,
      );
      expect(confIn(conf)).toMatchObject({
        config: parts.config,
        from_image: expect.stringMatching(/-layout$/),
      });
      const built = await nix.build(`[
        (images.streamLayeredImage { name = "top"; contents = [ pkgs.cacert ]; ${base} })
        (images.buildLayeredImage { name = "top"; compressor = "none"; ${base} })
        (images.buildImage { name = "top"; compressor = "none"; copyToRoot = pkgs.cacert; ${base} })
        (images.mergeImages [ ${layout.folder} ])
        (images.exportImage { name = "root.tar"; fromImage = ${layout.folder}; })
      ]`);
      const [stream, layered, single, merged, root] = built.split("\n") as [
        string,
        string,
        string,
        string,
        string,
      ];
      const streamed = await readImage(await outputOf(stream));
      expect(streamed.config.history).toMatchObject([...parts.history, {}, {}]);
      for (const image of [
        streamed,
        await readImage(readFileSync(layered)),
        await readImage(readFileSync(single)),
      ]) {
        expect(namesOf(image.layers[0]!)).toEqual(["etc/base"]);
        expect(image.config.config).toEqual(parts.config);
        expect(image.layers.length).toBe(image.config.history.length);
      }
      expect((await readImage(gunzipSync(readFileSync(merged)))).layers).toHaveLength(1);
      expect((await mustRun("tar", ["-tf", root])).stdout.toString()).toContain("etc/base");
    });

    test.each<[string, string, RegExp]>([
      ["too few layers", `name = "x"; maxLayers = 1;`, /maxLayers of image x is 1; .* raise it to 2 or more/],
      ["an unknown parameter", `name = "x"; contnets = [ ];`, /unexpected argument 'contnets'/],
      ["a time that is none", `name = "x"; created = "yesterday";`, /created is not a time: "yesterday"/],
      ["a tag that is none", `name = "x"; tag = "a b";`, /a tag has letters, digits/],
      ["a base image that is none", `name = "x"; fromImage = pkgs.cacert;`, /laminix: .*cacert/],
    ])("refuses %s", async (_, args, message) => {
      expect(await failure(`(images.streamLayeredImage { ${args} }).conf`)).toMatch(message);
    });

    test("names the package that the set lacks, and what needs it", async () => {
      const without = `functions { pkgs = removeAttrs pkgs [ "coreutils" ]; }`;
      expect(await failure(`(${without}).streamLayeredImage { name = "x"; }`)).toContain(
        "laminix: the package set has no `coreutils`, which every build needs",
      );
    });
  });

  describe("buildLayeredImage", () => {
    const readers: Readonly<Record<string, (file: string) => [string, string[]]>> = {
      none: (file) => ["cat", [file]],
      gz: (file) => ["gzip", ["-dc", file]],
      zstd: (file) => ["zstd", ["-dc", file]],
    };
    test.each([
      ["none", "image.tar"],
      ["gz", "image.tar.gz"],
      ["zstd", "image.tar.zst"],
    ])("writes what the stream is to a file, compressed by %s", async (compressor, file) => {
      const args = hello.replace('"hello"', '"registry.example/my/image"');
      const built = await nix.build(
        `images.buildLayeredImage (${args} // { compressor = "${compressor}"; })`,
      );
      expect(path.basename(built).slice(33)).toBe(file);
      const { stdout } = await mustRun(...readers[compressor]!(built));
      expect(stdout.equals(await outputOf(await nix.build(`images.streamLayeredImage ${args}`)))).toBe(true);
    });

    test("has the attributes of its stream, but is no program", async () => {
      const value = await nix.evaluate<Record<string, unknown>>(`
        let image = images.buildLayeredImage { name = "X"; passthru.version = 7; };
        in {
          inherit (image) imageName version;
          isExe = image ? isExe;
          stream = image.stream.isExe;
          sameTag = image.imageTag == image.stream.imageTag;
          other = (image.override { tag = "2"; }).imageTag;
        }`);
      expect(value).toEqual({
        ...{ imageName: "x", version: 7, isExe: false, stream: true, sameTag: true, other: "2" },
      });
    });

    test("refuses a compressor that is none, and names those that there are", async () => {
      expect(await failure(`images.buildLayeredImage { name = "x"; compressor = "xz"; }`)).toContain(
        'in image x, compressor is "xz"; it must be one of: gz, none, zstd',
      );
    });
  });

  describe("the pieces", () => {
    const textIn = async (expression: string, file: string): Promise<string> =>
      readFileSync(`${await nix.build(expression)}/${file}`, "utf8");

    test("have the users and groups that the library's have, those of the caller among them", async () => {
      const lines = {
        extraPasswdLines: ["alice:x:1000:1000::/home/alice:/bin/sh"],
        extraGroupLines: ["alice:x:1000:"],
      };
      const { files } = fakeNss(lines);
      const made = `images.fakeNss.override (builtins.fromJSON ''${JSON.stringify(lines)}'')`;
      for (const [name, file] of Object.entries(files))
        if ("text" in file) expect(await textIn(made, name)).toBe(file.text);
      expect((await textIn(made, "etc/passwd")).split("\n")[1]).toBe(lines.extraPasswdLines[0]);
      expect((await textIn("images.fakeNss", "etc/passwd")).split("\n").length).toBe(3);
    });

    test("set accounts up by the library's commands", async () => {
      const set = `functions { pkgs = pkgs // { shadow = "/the/shadow"; }; }`;
      expect(await nix.evaluate(`(${set}).shadowSetup`)).toBe(shadowSetup({ shadow: "/the/shadow" }));
    });

    test("link to packages of the set", async () => {
      const links = await nix.build("images.binSh");
      const shell = (await mustRun("readlink", [`${links}/bin/sh`])).stdout.toString().trim();
      expect(shell).toBe(`${await nix.build("pkgs.bashInteractive")}/bin/bash`);
      expect(await textIn("images.caCertificates", "etc/ssl/certs/ca-certificates.crt")).toBe(
        "certificates\n",
      );
      const env = (await mustRun("readlink", [`${await nix.build("images.usrBinEnv")}/usr/bin/env`])).stdout;
      expect(env.toString().trim()).toBe(`${await nix.build("pkgs.coreutils")}/bin/env`);
    });
  });

  describe("every function of dockerTools", () => {
    /** The attributes of their results that docs/dockertools.md does not list as missing. */
    const ATTRIBUTES: Readonly<Record<string, string>> = {
      streamLayeredImage: "imageName imageTag conf streamScript isExe",
      buildLayeredImage: "imageName imageTag conf streamScript stream",
      buildLayeredImageWithNixDb: "imageName imageTag conf streamScript stream",
      buildImage: "imageName imageTag buildArgs",
      buildImageWithNixDb: "imageName imageTag buildArgs",
      pullImage: "imageName imageTag imageDigest sourceURL destNameTag outputHash",
      streamNixShellImage: "imageName imageTag isExe",
      buildNixShellImage: "imageTag stream",
      exportImage: "fromImage",
      fakeNss: "override",
      binSh: "",
      usrBinEnv: "",
      caCertificates: "",
      mergeImages: "",
    };
    const page = readFileSync("docs/dockertools.md", "utf8");

    test("gives its result the same attributes, and the page has each", async () => {
      const results = `
        let
          drv = derivation { name = "d"; system = builtins.currentSystem; builder = "/b"; };
          layered = images.buildLayeredImage { name = "x"; };
        in {
          streamLayeredImage = images.streamLayeredImage { name = "x"; };
          buildLayeredImage = layered;
          buildLayeredImageWithNixDb = images.buildLayeredImageWithNixDb { name = "x"; };
          buildImage = images.buildImage { name = "x"; };
          buildImageWithNixDb = images.buildImageWithNixDb { name = "x"; };
          pullImage = images.pullImage { imageName = "x"; imageDigest = "sha256:0"; hash = ""; };
          streamNixShellImage = images.streamNixShellImage { inherit drv; };
          buildNixShellImage = images.buildNixShellImage { inherit drv; };
          exportImage = images.exportImage { fromImage = layered; };
          mergeImages = images.mergeImages [ layered ];
          inherit (images) fakeNss binSh usrBinEnv caCertificates;
        }`;
      const found = await nix.evaluate<Record<string, string[]>>(
        `builtins.mapAttrs (_: builtins.attrNames) (${results})`,
      );
      for (const [name, attributes] of Object.entries(ATTRIBUTES)) {
        const wanted = [
          "name",
          "drvPath",
          "outPath",
          "passthru",
          "meta",
          "overrideAttrs",
          ...attributes.split(" "),
        ];
        const named = wanted.filter((attribute) => attribute !== "");
        expect([name, found[name]]).toEqual([name, expect.arrayContaining(named)]);
        for (const attribute of attributes.split(" "))
          expect(page).toContain(`\`${attribute}\``.replace("``", ""));
      }
    });
  });

  describeWith(["docker-registry", "skopeo", "openssl"], "pullImage", () => {
    let registry: ImageRegistry;
    let digest: string;
    beforeAll(async () => {
      registry = await startImageRegistry();
      const archive = folder.join("pushed.tar");
      writeFileSync(archive, await outputOf(await nix.build(`images.streamLayeredImage ${hello}`)));
      digest = await registry.push(archive, "my/image:1");
    });
    afterAll(async () => {
      await registry[Symbol.asyncDispose]();
    });

    const pull = (args: string, set = "images"): string => `${set}.pullImage {
      imageName = "${registry.host}/my/image"; imageDigest = "${digest}"; ${args} }`;
    /** The hash that Nix asks for when it is given none. */
    const hashOf = async (args: string): Promise<string> => {
      const [, hash] = /got: +(sha256-\S+)/.exec(await failure(pull(`${args} hash = "";`))) ?? [];
      return hash!;
    };

    test("fetches an image whose hash is known, by either form of it, under the name that is wanted", async () => {
      const common = `tlsVerify = false; finalImageName = "mine"; finalImageTag = "7";`;
      const hash = await hashOf(common);
      const pulled = await nix.build(pull(`${common} hash = "${hash}";`));
      expect(path.basename(pulled).slice(33)).toBe("docker-image-mine-7.tar");
      const image = await readImage(readFileSync(pulled));
      expect(image.manifest.RepoTags).toEqual([expect.stringMatching(/(^|\/)mine:7$/)]);
      const hexadecimal = Buffer.from(hash.slice(7), "base64").toString("hex");
      expect(await nix.build(pull(`${common} sha256 = "${hexadecimal}";`))).toBe(pulled);
      const top = await nix.build(
        `images.streamLayeredImage { name = "top"; fromImage = ${pull(`${common} hash = "${hash}";`)}; }`,
      );
      const { config } = await readImage(await outputOf(top));
      expect(config.rootfs.diff_ids.slice(0, -1)).toEqual(image.config.rootfs.diff_ids);
    });

    test("takes what `laminix pull` prints, for nixpkgs' pullImage or for this one", async () => {
      for (const whom of ["nixpkgs", "laminix"]) {
        const file = folder.join(`${whom}.tar`);
        const reference = `${registry.host}/my/image@${digest}`;
        const { stdout } = await laminix(["pull", reference, "-o", file, "--for", whom, "--no-tls-verify"]);
        const pulled = await nix.build(`images.pullImage (${stdout.toString()} // { tlsVerify = false; })`);
        expect(readFileSync(pulled).equals(readFileSync(file))).toBe(true);
      }
    });

    test("has images that were put there by their own program, which sends what is missing", async () => {
      const program = await nix.build(`(images.streamLayeredImage (${hello} // {
        name = "${registry.host}/copied/it"; tag = "1";
      })).copyToRegistry`);
      const copy = async (): Promise<string> =>
        (await mustRun(`${program}/bin/copy-to-registry`, ["--no-tls-verify"])).stdout.toString();
      const first = await copy();
      expect(first).toMatch(/\/copied\/it:1@sha256:[0-9a-f]{64}\n$/);
      expect(await copy()).toBe(first);
      const file = folder.join("copied.tar");
      const { code } = await laminix(["pull", first.trim(), "-o", file, "--no-tls-verify"]);
      expect(code).toBe(0);
      expect((await readImage(readFileSync(file))).layers.length).toBeGreaterThan(1);
    });

    test("refuses another hash, and a registry whose certificate nobody vouches for", async () => {
      const wrong = `hash = "sha256-${Buffer.alloc(32).toString("base64")}";`;
      expect(await failure(pull(`tlsVerify = false; ${wrong}`))).toMatch(/hash mismatch/);
      expect(await failure(pull(wrong))).toMatch(/certificate/);
    });

    test("trusts whom cacert of the package set trusts", async () => {
      writeFileSync(folder.join("certificate.pem"), readFileSync(registry.certificate));
      const set = `(functions { pkgs = pkgs // { cacert = derivation {
        name = "cacert"; system = builtins.currentSystem; builder = "/bin/sh"; PATH = "${process.env["PATH"] ?? ""}";
        args = [ "-c" "mkdir -p $out/etc/ssl/certs; cp \${${folder.join("certificate.pem")}} $out/etc/ssl/certs/ca-bundle.crt" ];
      }; }; })`;
      const { stderr } = await nix.tryToBuild(pull(`hash = "";`, set));
      expect(stderr).toMatch(/got: +sha256-/);
    });

    test("wants one hash, and names its file without what a store path's name cannot have", async () => {
      expect(await failure(pull(""))).toContain("either `hash` or `sha256`");
      expect(await failure(pull(`hash = ""; sha256 = "";`))).toContain("either `hash` or `sha256`");
      const name = await nix.evaluate<string>(`(${pull(`hash = "";`)}).name`);
      expect(name).toBe(`docker-image-${registry.host.replace(":", "-")}-my-image-latest.tar`);
    });
  });

  describeWith(["docker-registry", "skopeo", "openssl"], "pullImageFromManifest", () => {
    let registry: ImageRegistry;
    let base: Buffer;
    beforeAll(async () => {
      registry = await startImageRegistry({ plain: true });
      base = await layerOf({ "etc/base": "of both" });
    });
    afterAll(async () => {
      await registry[Symbol.asyncDispose]();
    });

    const archiveWith = async (own: string, config: object = {}): Promise<string> => {
      const archive = folder.join("put.tar");
      const layers = [base, await layerOf({ [`etc/${own}`]: own })];
      writeFileSync(archive, await archiveOf({ layers, config }));
      return archive;
    };
    /** Puts an image there, upon the layer that all have; its manifest is Docker's. */
    const put = async (name: string, own: string): Promise<string> =>
      registry.push(await archiveWith(own), name);
    const lock = async (name: string): Promise<string> => {
      const place = folder.join(`${name.replaceAll(/\W/g, "-")}.json`);
      await mustRunLaminix(["lock", `${registry.host}/${name}`, "-o", place]);
      return place;
    };
    const mustRunLaminix = async (args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await laminix(args);
      expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
      return stdout.toString();
    };
    const pulled = (file: string, args = ""): string =>
      `images.pullImageFromManifest { manifest = ${file}; ${args} }`;
    /** Of the blobs that were asked for while something was built, each time. */
    const fetchedFor = async (expression: string): Promise<{ result: string; digests: string[] }> => {
      const { result, requests } = await registry.during(() => nix.build(expression));
      const digests = requests.flatMap(({ method, url }) => {
        const [, digest] = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(url) ?? [];
        return method === "GET" && digest !== undefined ? [digest] : [];
      });
      return { result, digests };
    };
    const blobsOf = (layout: string, digest: string): string[] => {
      const text = readFileSync(`${layout}/blobs/${digest.replace(":", "/")}`, "utf8");
      const { config, layers } = JSON.parse(text) as Readonly<Record<"config", { digest: string }>> & {
        readonly layers: { digest: string }[];
      };
      return [config, ...layers].map((each) => each.digest);
    };

    test("has each blob in the store once, and fetches of a new tag what has a new digest", async () => {
      const digests = [await put("it/image:1", "one"), await put("it/other:1", "two")];
      const files = [await lock("it/image:1"), await lock("it/other:1")];
      const both = `[ ${files.map((file) => `(${pulled(file)})`).join(" ")} ]`;
      const first = await fetchedFor(both);
      const layouts = first.result.split("\n");
      const name = `image-${registry.host.replace(":", "-")}-it-image-1`;
      expect(path.basename(layouts[0]!).slice(33)).toBe(name);
      const blobs = layouts.map((layout, i) => blobsOf(layout, digests[i]!));
      expect(blobs[0]![1]).toBe(blobs[1]![1]);
      expect(first.digests.toSorted()).toEqual([...new Set(blobs.flat())].toSorted());
      for (const layout of layouts) expect((await validateImage(layout)).problems).toEqual([]);

      // The tag moves on, and the lock with it.
      const next = await put("it/image:1", "three");
      const program = await nix.build(`(${pulled(files[0]!)}).update`);
      await mustRun(`${program}/bin/update-manifest`, []);
      const second = await fetchedFor(both);
      const [layout = ""] = second.result.split("\n");
      const [config, , top] = blobsOf(layout, next);
      expect(second.digests.toSorted()).toEqual([config, top].toSorted());

      const inStore = readdirSync(nix.store.realStoreDir).flatMap(
        (each) => /^[0-9a-z]{32}-blob-([0-9a-f]{64})$/.exec(each)?.[1] ?? [],
      );
      const all = [...first.digests, ...second.digests].map((digest) => digest.slice(7));
      expect(inStore.toSorted()).toEqual(all.toSorted());
      const { stdout } = await nix.store.run("nix-store", ["-q", "--references", layout]);
      expect(stdout.toString()).toContain(`-blob-${blobs[0]![1]!.slice(7)}\n`);
    });

    const imageDigest = (file: string, args?: string): Promise<Record<string, string>> =>
      nix.evaluate(`{ inherit (${pulled(file, args)}) imageDigest imageName imageTag sourceURL; }`);

    test("gives an image to build upon, to push, and for others' tools", async () => {
      const archive = await archiveWith("base", { Env: ["PATH=/bin"], Cmd: ["/bin/base"] });
      // Others' tools take OCI's manifests out of a layout, and no others.
      const pushed = await mustRunLaminix(["push", archive, `${registry.host}/it/base:1`]);
      const digest = pushed.trim().split("@")[1]!;
      const image = pulled(await lock("it/base:1"), `finalImageName = "mine"; finalImageTag = "7";`);
      const [layout, stream] = (
        await nix.build(`[ (${image}) (images.streamLayeredImage { name = "top"; fromImage = ${image}; }) ]`)
      ).split("\n") as [string, string];
      const { layers, config } = await readImage(await outputOf(stream));
      expect(layers.slice(0, 2).map(namesOf)).toEqual([["etc/base"], ["etc/base"]]);
      expect(config.config).toEqual({ Env: ["PATH=/bin"], Cmd: ["/bin/base"] });
      expect(await mustRunLaminix(["push", layout, `${registry.host}/copied/it:1`])).toBe(
        `${registry.host}/copied/it:1@${digest}\n`,
      );
      const { stdout } = await mustRun("skopeo", ["inspect", "--raw", `oci:${layout}:7`]);
      expect(`sha256:${sha256(stdout)}`).toBe(digest);
      const { images: found } = JSON.parse(await mustRunLaminix(["inspect", layout, "--json"])) as {
        readonly images: readonly { readonly tags: readonly string[] }[];
      };
      expect(found.map(({ tags }) => tags)).toEqual([["docker.io/library/mine:7"]]);
    });

    test("takes of several platforms the one that is meant, and the manifest alone", async () => {
      const digest = await put("it/many:1", "many");
      const document = JSON.parse(readFileSync(await lock("it/many:1"), "utf8")) as {
        readonly manifests: [{ readonly manifest: readonly string[] }];
      };
      const [entry] = document.manifests;
      const changed = [...entry.manifest.slice(0, -1), `${entry.manifest.at(-1)!} `];
      const other = `sha256:${sha256(changed.join("\n"))}`;
      const arm = { ...entry, architecture: "arm", variant: "v7", digest: other, manifest: changed };
      const two = folder.join("two.json");
      writeFileSync(two, JSON.stringify({ ...document, manifests: [entry, arm] }));
      expect((await imageDigest(two, `arch = "arm";`)).imageDigest).toBe(other);
      expect((await imageDigest(two, `arch = "arm"; variant = "v7";`)).imageDigest).toBe(other);
      expect((await imageDigest(two, `arch = "amd64";`)).imageDigest).toBe(digest);
      const message = /no manifest for linux\/arm\/v6; it has linux\/amd64, linux\/arm\/v7,/;
      expect(await failure(pulled(two, `arch = "arm"; variant = "v6";`))).toMatch(message);

      const alone = folder.join("alone.json");
      writeFileSync(alone, entry.manifest.join("\n"));
      const name = `${registry.host}/it/many`;
      expect(await imageDigest(alone, `imageName = "${name}";`)).toEqual({
        ...{ imageDigest: digest, imageName: name, imageTag: "latest" },
        sourceURL: `docker://${name}@${digest}`,
      });
      expect(await failure(pulled(alone))).toMatch(/alone\.json does not say where .* give imageName/);
      const layout = await nix.build(pulled(alone, `imageName = "${name}";`));
      expect((await validateImage(layout)).problems).toEqual([]);

      // In the store, as the files of flakes are, it cannot be written anew.
      const copied = `builtins.path { name = "alone"; path = ${alone}; }`;
      const update = await nix.build(`(${pulled(copied, `imageName = "${name}"; imageTag = "1";`)}).update`);
      const program = `${update}/bin/update-manifest`;
      const { code, stderr } = await run(program, []);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^usage: update-manifest FILE/)]);
      const written = folder.join("written.json");
      await mustRun(program, [written, "--platform", "linux/amd64", "--quiet"]);
      expect(await imageDigest(written)).toMatchObject({ imageDigest: digest, imageTag: "1" });
    });

    test("asks with the logins that the daemon's environment names", async () => {
      await using closed = await startImageRegistry({ auth: { kind: "password" } });
      const name = `${closed.host}/it/closed:1`;
      await closed.push(await archiveWith("closed"), "it/closed:1");
      const file = folder.join("closed.json");
      const image = pulled(file, "tlsVerify = false;");
      const auth = Buffer.from(`${account.username}:${account.password}`).toString("base64");
      const text = JSON.stringify({ auths: { [closed.host]: { auth } } });
      writeFileSync(folder.join("own.json"), text);
      const env = { REGISTRY_AUTH_FILE: folder.join("own.json") };
      const locked = await laminix(["lock", name, "-o", file, "--no-tls-verify"], { env });
      expect(locked).toMatchObject({ code: 0 });
      expect(await failure(image)).toMatch(/laminix: \S+ wants a name and a password\n/);
      expect(await failure(pulled(file))).toMatch(/certificate/);
      writeFileSync(logins, text);
      expect((await validateImage(await nix.build(image))).problems).toEqual([]);
    });

    test("refuses locks by which nothing could be fetched", async () => {
      await put("it/good:1", "good");
      const good = JSON.parse(readFileSync(await lock("it/good:1"), "utf8")) as Readonly<
        Record<string, unknown>
      > & {
        readonly manifests: [Readonly<Record<string, unknown>> & { readonly manifest: readonly string[] }];
      };
      const [entry] = good.manifests;
      const manifest = JSON.parse(entry.manifest.join("\n")) as Readonly<Record<string, object>> & {
        readonly layers: readonly object[];
      };
      const changed = (more: object): object => {
        const text = JSON.stringify({ ...manifest, ...more });
        const { mediaType = entry["mediaType"] } = more as { mediaType?: string };
        return {
          ...good,
          manifests: [{ ...entry, mediaType, digest: `sha256:${sha256(text)}`, manifest: [text] }],
        };
      };
      const layer = (more: object): object => changed({ layers: [{ ...manifest.layers.at(-1), ...more }] });
      const file = folder.join("bad.json");
      for (const [document, message] of [
        ["{", /parse error/],
        [[], /neither a lock nor a manifest/],
        [{ ...good, lockVersion: 2 }, /lockVersion 2, where 1 is known/],
        [{ ...good, manifests: [] }, /it has no manifests/],
        [{ ...good, manifests: [{ ...entry, digest: undefined }] }, /needs os, architecture, digest/],
        [{ ...good, manifests: [{ ...entry, digest: `sha256:${"0".repeat(64)}` }] }, /lock it again/],
        [changed({ manifests: [] }), /an index of several platforms/],
        [changed({ mediaType: "application/x" }), /a manifest of type "application\/x"/],
        [changed({ config: { ...manifest["config"], mediaType: "x" } }), /a configuration of type "x"/],
        [changed({ config: { ...manifest["config"], size: 2 ** 24 + 1 } }), /of 16777217 bytes, where/],
        [layer({ mediaType: "application/vnd.oci.image.layer.v1.tar+lz4" }), /a layer of type .*lz4/],
        [
          layer({ mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" }),
          /non-distributable/,
        ],
        [layer({ size: 2 ** 36 + 1 }), /a layer of 68719476737 bytes, where 68719476736 are allowed/],
        [layer({ size: 1.5 }), /not a number of bytes: 1\.5/],
        [layer({ size: -1 }), /not a number of bytes: -1/],
        [layer({ digest: `sha512:${"0".repeat(128)}` }), /it must be sha256: and 64 hexadecimal digits/],
      ] as const) {
        writeFileSync(file, typeof document === "string" ? document : JSON.stringify(document));
        const evaluated = nix.evaluate(`(${pulled(file)}).outPath`).then(() => "nothing", String);
        expect(await evaluated).toMatch(message);
      }
      // What only the registry knows.
      writeFileSync(file, JSON.stringify(layer({ size: 1 })));
      expect(await failure(pulled(file))).toMatch(
        /laminix: sha256:[0-9a-f]{64} of .* bytes where it should have 1/,
      );
      writeFileSync(file, JSON.stringify(layer({ digest: `sha256:${"0".repeat(64)}` })));
      expect(await failure(pulled(file))).toMatch(/404 to GET/);
    });
  });
});
