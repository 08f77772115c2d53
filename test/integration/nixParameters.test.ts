/**
 * Every parameter of nixpkgs' dockerTools, given to the functions of `nix/`: what it changes in what real Nix builds, or
 * that docs/dockertools.md says that it changes nothing.
 */
import { copyFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { namesOf, readImage, type ReadImage } from "../builders/image.js";
import { type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import { membersOf, type Member } from "../support/members.js";
import { type NixFunctions, nixFunctions } from "../support/nixFunctions.js";
import { describeWith } from "../support/requirements.js";
import { laminix, mustRun, projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

/** The parameters that nixpkgs' functions have; those with a mark must be given. */
const PARAMETERS = {
  streamLayeredImage: `name! tag fromImage contents config architecture created mtime uid gid uname gname maxLayers
    extraCommands fakeRootCommands enableFakechroot includeStorePaths includeNixDB layeringPipeline debug passthru meta`,
  // It hands the others on.
  buildLayeredImage: "name! compressor meta",
  buildImage: `name! tag fromImage fromImageName fromImageTag copyToRoot contents keepContentsDirlinks config
    architecture extraCommands uid gid runAsRoot diskSize buildVMMemorySize created compressor includeNixDB meta`,
  pullImage: "imageName! imageDigest! hash sha256 os arch finalImageName finalImageTag tlsVerify name",
  exportImage: "fromImage! name fromImageName fromImageTag diskSize",
  streamNixShellImage: "drv! name tag uid gid homeDirectory shell command run",
  buildNixShellImage: "drv! compressor",
} as const;
type FunctionName = keyof typeof PARAMETERS;

/** Those that are taken and change nothing, with what docs/dockertools.md says of them. */
const WITHOUT_EFFECT: Readonly<Partial<Record<FunctionName, Readonly<Record<string, RegExp>>>>> = {
  buildImage: {
    fromImageName: /`fromImageName` `fromImageTag` .*without effect/,
    fromImageTag: /`fromImageName` `fromImageTag` .*without effect/,
  },
  exportImage: { diskSize: /`diskSize` .*no effect/ },
};

/** Results in which the effects are looked for; all are built at once. */
const resultsWith = (pullArguments: string, hexadecimal: string): string => `
  let
    build = import ${projectRoot}/test/support/machineBuild.nix { path = ${JSON.stringify(process.env["PATH"])}; };
    contained = import ${projectRoot}/test/support/containedPrograms.nix { inherit pkgs build; };
    inRoot = functions { pkgs = pkgs // contained.forScripts; };
    shell = pkgs.bashInteractive;
    one = build "one" "mkdir -p $out/usr/lib; ln -s usr/lib $out/lib";
    two = build "two" "mkdir -p $out/lib; touch $out/lib/two";
    drv = derivation { name = "greeting"; system = builtins.currentSystem; builder = "\${shell}/bin/sh"; word = "hello"; };
  in rec {
    streamed = images.streamLayeredImage {
      name = "Example.org/Streamed"; tag = "7"; contents = [ shell ]; architecture = "arm64";
      config.Env = [ "CERTIFICATES=\${pkgs.cacert}" ]; created = "2001-02-03T04:05:06Z"; mtime = "2002-02-02T02:02:02Z";
      uid = 11; gid = 12; uname = "user"; gname = "group"; maxLayers = 2;
      extraCommands = "touch extra"; fakeRootCommands = "touch faked; chown 21:22 faked";
      passthru.mine = 1; meta.description = "streamed";
    };
    onTop = images.streamLayeredImage { name = "on-top"; fromImage = layered; includeNixDB = true; };
    rooted = inRoot.streamLayeredImage {
      name = "rooted"; enableFakechroot = true; fakeRootCommands = "mkdir /absolute";
    };
    bare = images.streamLayeredImage { name = "bare"; contents = [ shell ]; includeStorePaths = false; };
    piped = images.streamLayeredImage {
      name = "piped"; config.Env = [ "\${shell} \${pkgs.cacert}" ];
      layeringPipeline = [ [ "split_paths" [ "\${pkgs.cacert}" ] ] ];
    };
    layered = images.buildLayeredImage {
      name = "Layered"; contents = [ images.binSh ]; compressor = "zstd"; meta.description = "layered";
    };
    single = images.buildImage {
      name = "Single"; tag = "8"; fromImage = layered; fromImageName = "other"; fromImageTag = "0";
      copyToRoot = [ one two ]; config.Env = [ "CERTIFICATES=\${pkgs.cacert}" ]; architecture = "arm64"; uid = 11; gid = 12;
      extraCommands = "touch extra"; created = "2001-02-03T04:05:06Z"; compressor = "none"; includeNixDB = true;
      meta.description = "single";
    };
    kept = images.buildImage { name = "kept"; copyToRoot = [ one two ]; keepContentsDirlinks = true; };
    old = images.buildImage { name = "old"; contents = images.binSh; };
    asRoot = images.buildImage {
      name = "as-root"; copyToRoot = shell; diskSize = 100; buildVMMemorySize = 300;
      extraCommands = "touch extra"; runAsRoot = "id -u > /user; chown 1000:100 /user; grep MemTotal /proc/meminfo > /memory; df -m / | tail -n 1 > /disk";
    };
    exported = images.exportImage {
      fromImage = images.mergeImages [ layered single ]; name = "exported.tar"; fromImageName = "single"; fromImageTag = "8";
      diskSize = 1;
    };
    shellRun = images.streamNixShellImage {
      inherit drv; name = "Shell"; tag = "9"; uid = 11; gid = 12; homeDirectory = "/home"; shell = "\${shell}/bin/sh"; run = "echo run";
    };
    shellCommand = images.streamNixShellImage { inherit drv; command = "echo command"; };
    shellFile = images.buildNixShellImage { inherit drv; compressor = "none"; };
    pulled = images.pullImage ${pullArguments};
    pulledBySha256 = images.pullImage (removeAttrs ${pullArguments} [ "hash" ] // { sha256 = "${hexadecimal}"; name = "other.tar"; });
    users = images.fakeNss.override { extraPasswdLines = [ "a:x:1:1::/:/bin/sh" ]; extraGroupLines = [ "a:x:1:" ]; };
  }`;

const programs = [
  "nix-daemon",
  "nix-store",
  "docker-registry",
  "skopeo",
  "openssl",
  "fakeroot",
  "proot",
  "sqlite3",
  "zstd",
  "vm",
];

describeWith(programs, "of the functions of nix/,", () => {
  let nix: NixFunctions;
  let registry: ImageRegistry;
  let folder: TemporaryFolder;
  let pullArguments: string;
  let results: string;
  let paths: Readonly<Record<string, string>>;
  const read = new Map<string, Promise<ReadImage>>();
  beforeAll(async () => {
    [nix, registry, folder] = await Promise.all([
      nixFunctions(),
      startImageRegistry(),
      temporaryFolder("parameters"),
    ]);
    for (const architecture of ["amd64", "arm64"]) {
      const made = await nix.build(`images.buildImage {
        name = "x"; tag = "1"; architecture = "${architecture}"; compressor = "none"; }`);
      copyFileSync(made, folder.join(`${architecture}.tar`));
    }
    const archives = ["amd64", "arm64"].map((architecture) => folder.join(`${architecture}.tar`));
    const index = await command(
      ...["index", ...archives, "--push", `${registry.host}/my/image:1`, "--no-tls-verify", "--json"],
    );
    const { digest } = JSON.parse(index) as { readonly digest: string };

    pullArguments = await command(
      ...["pull", `${registry.host}/my/image@${digest}`, "--arch", "arm64", "-o", folder.join("pulled.tar")],
      ...["--final-image-name", "mine", "--final-image-tag", "3", "--for", "nixpkgs", "--no-tls-verify"],
    );
    const [, hash = ""] = /hash = "sha256-([^"]+)"/.exec(pullArguments) ?? [];
    // By the digest of both, so that it matters which one is asked for.
    pullArguments = `(${pullArguments} // { imageDigest = "${digest}"; arch = "arm64"; tlsVerify = false; })`;
    results = resultsWith(pullArguments, Buffer.from(hash, "base64").toString("hex"));
    await nix.build(`builtins.attrValues (${results})`, ["--max-jobs", "2"]);
    paths = await nix.evaluate(`builtins.mapAttrs (_: result: result.outPath) (${results})`);
  });
  async function command(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await laminix(args);
    if (code !== 0) throw new Error(stderr);
    return stdout.toString();
  }
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await nix[Symbol.asyncDispose]();
  });

  const pathOf = (result: string): string => paths[result]!;
  const bytesOf = async (result: string): Promise<Buffer> => {
    const file = pathOf(result);
    if (path.basename(file).includes("-stream-")) return (await mustRun(file, [])).stdout;
    if (file.endsWith(".zst")) return (await mustRun("zstd", ["-dc", file])).stdout;
    return file.endsWith(".gz") ? gunzipSync(readFileSync(file)) : readFileSync(file);
  };
  const imageOf = (result: string): Promise<ReadImage> => {
    const image = read.get(result) ?? bytesOf(result).then((archive) => readImage(archive));
    read.set(result, image);
    return image;
  };
  /** Of an image's last layer, or of a result that is a tar. */
  const rootOf = async (result: string): Promise<readonly Member[]> => (await imageOf(result)).layers.at(-1)!;
  const memberOf = async (result: string, name: string): Promise<Member> =>
    (await rootOf(result)).find(({ header }) => header.name.replace(/\/$/, "") === name)!;
  const textOf = async (result: string, name: string): Promise<string> =>
    (await memberOf(result, name)).body.toString();
  const configOf = async (result: string): Promise<Readonly<Record<string, unknown>>> =>
    (await imageOf(result)).config.config;
  const attributeOf = (result: string, attribute: string): Promise<unknown> =>
    nix.evaluate(`(${results}).${result}.${attribute}`);
  const pulled = (changes: string): string => `images.pullImage (${pullArguments} // { ${changes} })`;
  const failureOf = async (expression: string): Promise<string> => {
    const { code, stderr } = await nix.tryToBuild(expression);
    expect(code).not.toBe(0);
    return stderr;
  };
  const hasDatabase = async (result: string): Promise<boolean> =>
    namesOf(await rootOf(result)).some((name) => name.endsWith("nix/var/nix/db/db.sqlite"));
  /** Every store path's members, which are in the layers below the root's. */
  const storeHeader = async (): Promise<Member["header"]> =>
    (await imageOf("streamed")).layers[0]!.at(-1)!.header;

  const shared = {
    tag: async (result: string, tag: string) => {
      expect((await imageOf(result)).manifest.RepoTags[0]!.split(":")[1]).toBe(tag);
    },
    base: async (result: string) => {
      const base = (await imageOf("layered")).config.rootfs.diff_ids;
      expect((await imageOf(result)).config.rootfs.diff_ids.slice(0, base.length)).toEqual(base);
    },
    env: async (result: string) => {
      expect((await configOf(result))["Env"]).toEqual([expect.stringMatching(/^CERTIFICATES=.*-cacert$/)]);
    },
    meta: async (result: string) => {
      expect(await attributeOf(result, "meta.description")).toBe(result);
    },
  };

  /** What shows that a parameter has been heard. */
  const EFFECTS: Readonly<Record<FunctionName, Readonly<Record<string, () => Promise<void>>>>> = {
    streamLayeredImage: {
      name: async () => {
        expect((await imageOf("streamed")).manifest.RepoTags).toEqual(["example.org/streamed:7"]);
      },
      tag: () => shared.tag("streamed", "7"),
      fromImage: () => shared.base("onTop"),
      contents: async () => {
        expect(namesOf(await rootOf("streamed"))).toContain("./bin/busybox");
      },
      config: () => shared.env("streamed"),
      architecture: async () => {
        expect((await imageOf("streamed")).config.architecture).toBe("arm64");
      },
      created: async () => {
        const { config } = await imageOf("streamed");
        expect([config.created, config.history.at(-1)!.created]).toEqual(
          Array(2).fill("2001-02-03T04:05:06+00:00"),
        );
      },
      mtime: async () => {
        expect((await storeHeader()).mtime).toEqual(new Date("2002-02-02T02:02:02Z"));
      },
      uid: async () => {
        expect((await storeHeader()).uid).toBe(11);
      },
      gid: async () => {
        expect((await storeHeader()).gid).toBe(12);
      },
      uname: async () => {
        expect((await storeHeader()).uname).toBe("user");
      },
      gname: async () => {
        expect((await storeHeader()).gname).toBe("group");
      },
      maxLayers: async () => {
        expect((await imageOf("streamed")).layers).toHaveLength(2);
      },
      extraCommands: async () => {
        expect((await memberOf("streamed", "./extra")).header.uid).toBe(0);
      },
      fakeRootCommands: async () => {
        expect((await memberOf("streamed", "./faked")).header).toMatchObject({ uid: 21, gid: 22 });
      },
      enableFakechroot: async () => {
        expect((await memberOf("rooted", "./absolute")).header.type).toBe("directory");
      },
      includeStorePaths: async () => {
        expect((await imageOf("bare")).layers).toHaveLength(1);
      },
      includeNixDB: async () => {
        expect([await hasDatabase("onTop"), await hasDatabase("streamed")]).toEqual([true, false]);
      },
      layeringPipeline: async () => {
        const [first = []] = (await imageOf("piped")).layers;
        expect(namesOf(first).filter((name) => /-[^/]+\/$/.test(name))).toEqual([
          expect.stringContaining("-cacert"),
        ]);
      },
      debug: async () => {
        const image = (debug: boolean) =>
          `(images.streamLayeredImage { name = "x"; tag = "a b"; debug = ${String(debug)}; }).conf`;
        // Where in the program an error comes from.
        expect(await failureOf(image(true))).toMatch(/^\s*at /m);
        expect(await failureOf(image(false))).not.toMatch(/^\s*at [^/]*\S+:\d+:\d+\)?$/m);
      },
      passthru: async () => {
        expect([
          await attributeOf("streamed", "mine"),
          await attributeOf("streamed", "passthru.mine"),
        ]).toEqual([1, 1]);
      },
      meta: () => shared.meta("streamed"),
    },
    buildLayeredImage: {
      name: async () => {
        expect(path.basename(pathOf("layered")).slice(33)).toBe("Layered.tar.zst");
      },
      compressor: async () => {
        expect(readFileSync(pathOf("layered")).subarray(0, 4).toString("hex")).toBe("28b52ffd");
      },
      meta: () => shared.meta("layered"),
    },
    buildImage: {
      name: async () => {
        expect((await imageOf("single")).manifest.RepoTags).toEqual(["single:8"]);
      },
      tag: () => shared.tag("single", "8"),
      fromImage: () => shared.base("single"),
      copyToRoot: async () => {
        expect(namesOf(await rootOf("single"))).toContain("./lib/two");
      },
      contents: async () => {
        expect(namesOf(await rootOf("old"))).toContain("./bin/sh");
      },
      keepContentsDirlinks: async () => {
        expect((await memberOf("kept", "./lib")).header.type).toBe("symlink");
        expect((await memberOf("single", "./lib")).header.type).toBe("directory");
      },
      config: () => shared.env("single"),
      architecture: async () => {
        expect((await imageOf("single")).config.architecture).toBe("arm64");
      },
      extraCommands: async () => {
        expect((await memberOf("single", "./extra")).header.type).toBe("file");
      },
      uid: async () => {
        expect((await memberOf("single", "./extra")).header.uid).toBe(11);
      },
      gid: async () => {
        expect((await memberOf("single", "./extra")).header.gid).toBe(12);
      },
      runAsRoot: async () => {
        expect(await textOf("asRoot", "./user")).toBe("0\n");
        expect((await memberOf("asRoot", "./user")).header).toMatchObject({ uid: 1000, gid: 100 });
        expect((await memberOf("asRoot", "./extra")).header).toMatchObject({ uid: 0, gid: 0 });
      },
      diskSize: async () => {
        const mib = Number((await textOf("asRoot", "./disk")).trim().split(/\s+/)[1]);
        expect([mib > 80, mib <= 100]).toEqual([true, true]);
      },
      buildVMMemorySize: async () => {
        const mib = Number((await textOf("asRoot", "./memory")).replace(/\D+/g, "")) >> 10;
        expect([mib > 200, mib <= 300]).toEqual([true, true]);
      },
      created: async () => {
        expect((await imageOf("single")).config.created).toContain("2001-02-03T04:05:06");
      },
      compressor: async () => {
        expect(path.basename(pathOf("single")).slice(33)).toBe("docker-image-Single.tar");
      },
      includeNixDB: async () => {
        expect([await hasDatabase("single"), await hasDatabase("old")]).toEqual([true, false]);
      },
      meta: () => shared.meta("single"),
    },
    pullImage: {
      imageName: async () => {
        const { config } = await readImage(readFileSync(folder.join("arm64.tar")));
        expect((await imageOf("pulled")).config.rootfs).toEqual(config.rootfs);
      },
      imageDigest: async () => {
        const none = `imageDigest = "sha256:${"0".repeat(64)}"; hash = "";`;
        expect(await failureOf(pulled(none))).toMatch(/manifest unknown/);
      },
      hash: async () => {
        const wrong = `hash = "sha256-${Buffer.alloc(32).toString("base64")}";`;
        expect(await failureOf(pulled(wrong))).toMatch(/hash mismatch/);
      },
      sha256: async () => {
        expect(readFileSync(pathOf("pulledBySha256")).equals(readFileSync(pathOf("pulled")))).toBe(true);
      },
      os: async () => {
        expect(await failureOf(pulled(`os = "windows"; hash = "";`))).toMatch(/windows/);
      },
      arch: async () => {
        expect((await imageOf("pulled")).config.architecture).toBe("arm64");
      },
      finalImageName: async () => {
        expect((await imageOf("pulled")).manifest.RepoTags[0]).toMatch(/(^|\/)mine:3$/);
      },
      finalImageTag: () => shared.tag("pulled", "3"),
      tlsVerify: async () => {
        expect(await failureOf(pulled(`tlsVerify = true; hash = "";`))).toMatch(/certificate/);
      },
      name: async () => {
        expect(path.basename(pathOf("pulled")).slice(33)).toBe("docker-image-mine-3.tar");
        expect(path.basename(pathOf("pulledBySha256")).slice(33)).toBe("other.tar");
      },
    },
    exportImage: {
      fromImage: async () => {
        expect(await membersOf(readFileSync(pathOf("exported")))).not.toEqual([]);
      },
      name: async () => {
        expect(path.basename(pathOf("exported")).slice(33)).toBe("exported.tar");
      },
      fromImageName: async () => {
        expect(namesOf(await membersOf(readFileSync(pathOf("exported"))))).toContain("./lib/two");
      },
      fromImageTag: async () => {
        expect(
          await failureOf(`images.exportImage {
          fromImage = (${results}).single; fromImageName = "single"; fromImageTag = "9"; }`),
        ).toContain("single:9");
      },
    },
    streamNixShellImage: {
      drv: async () => {
        expect((await configOf("shellCommand"))["Env"]).toContain("word=hello");
        expect((await imageOf("shellCommand")).manifest.RepoTags[0]).toMatch(/^greeting-env:/);
      },
      name: async () => {
        expect((await imageOf("shellRun")).manifest.RepoTags).toEqual(["shell:9"]);
      },
      tag: () => shared.tag("shellRun", "9"),
      uid: async () => {
        expect((await configOf("shellRun"))["User"]).toBe("11:12");
        expect((await configOf("shellCommand"))["User"]).toBe("1000:1000");
      },
      gid: async () => {
        expect((await configOf("shellRun"))["User"]).toBe("11:12");
      },
      homeDirectory: async () => {
        expect((await configOf("shellRun"))["Env"]).toContain("HOME=/home");
      },
      shell: async () => {
        expect(((await configOf("shellRun"))["Cmd"] as string[])[0]).toMatch(/static-shell\/bin\/sh$/);
      },
      command: async () => {
        expect(await rcfileOf("shellCommand")).toContain("\necho command\n");
      },
      run: async () => {
        expect(await rcfileOf("shellRun")).toContain("\necho run\n");
      },
    },
    buildNixShellImage: {
      drv: async () => {
        expect((await configOf("shellFile"))["Env"]).toContain("word=hello");
      },
      compressor: async () => {
        expect(path.basename(pathOf("shellFile")).slice(33)).toBe("greeting-env.tar");
      },
    },
  };

  /** What the shell of an image runs first. */
  async function rcfileOf(result: string): Promise<string> {
    const file = ((await configOf(result))["Cmd"] as string[]).at(-1)!;
    return textOf(result, `.${file}`);
  }

  const cases = (Object.keys(EFFECTS) as FunctionName[]).flatMap((name) =>
    Object.entries(EFFECTS[name]).map(([parameter, effect]) => [name, parameter, effect] as const),
  );

  test.each(cases)("%s hears %s", (_, __, effect) => effect());

  test.each(Object.keys(PARAMETERS) as FunctionName[])(
    "%s takes what nixpkgs' takes, and the page has each",
    async (name) => {
      const wanted = PARAMETERS[name]
        .split(/\s+/)
        .map((each) => [each.replace("!", ""), !each.endsWith("!")] as const);
      const parameters = wanted.map(([parameter]) => parameter);
      const taken = await nix.evaluate(
        `let of = function: function.__functionArgs or (builtins.functionArgs function); in of images.${name}`,
      );
      expect(taken).toEqual(expect.objectContaining(Object.fromEntries(wanted)));
      const page = readFileSync("docs/dockertools.md", "utf8");
      for (const parameter of parameters) expect(page).toContain(`\`${parameter}\``);
      const without = WITHOUT_EFFECT[name] ?? {};
      for (const words of Object.values(without)) expect(page).toMatch(words);
      expect([...Object.keys(EFFECTS[name]), ...Object.keys(without)].toSorted()).toEqual(
        parameters.toSorted(),
      );
    },
  );

  test("the helpers hear what they are given", async () => {
    const users = pathOf("users");
    expect(readFileSync(`${users}/etc/passwd`, "utf8")).toContain("\na:x:1:1::/:/bin/sh\n");
    expect(readFileSync(`${users}/etc/group`, "utf8")).toContain("\na:x:1:\n");
  });
});
