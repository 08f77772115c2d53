/**
 * The images of nixpkgs' tests of dockerTools, as expressions over `nix/` that a real Nix builds, in a real Docker engine.
 * Each test is a line of those tests; test/integration/dockerTools has the same lines of the library.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readImage } from "../builders/image.js";
import { type DockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import { withLayerTwice } from "../support/layerTwice.js";
import { type NixFunctions, nixFunctions } from "../support/nixFunctions.js";
import { nixes } from "../support/nixes.js";
import { describeWith } from "../support/requirements.js";
import { laminix, mustRun, projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const SOAKS = process.env["LAMINIX_SOAK"] === "true";

/** nixpkgs' examples.nix, and below it the images that its tests in NixOS define themselves. */
const EXAMPLES = `
  bash redis nginx nginxStream nixFromDockerHub onTopOfPulledImage editors nix nixLayered nix-layered
  runAsRootExtraCommands runAsRootParentImage unstableDate unstableDateLayered
  layered-image another-layered-image layered-on-top layered-on-top-layered layersOrder layersUnpackOrder
  environmentVariablesParent environmentVariables environmentVariablesLayered
  two-layered-image bulk-layer layered-bulk-layer no-store-paths filesInStore layeredStoreSymlink
  bashNoTag bashNoTagLayered bashNoTagStreamLayered bashLayeredWithUser
  bashUncompressed bashZstdCompressed bashLayeredUncompressed bashLayeredZstdCompressed
  prefixedImage prefixedLayeredImage layeredImageWithFakeRootCommands
  mergedBashAndRedis mergedBashNoTagAndRedis mergedBashFakeRoot mergeVaryingCompressor
  helloOnRoot helloOnRootNoStore helloOnRootNoStoreFakechroot exportBash imageViaFakeChroot image-with-certs
  build-image-with-path layered-image-with-path build-image-with-architecture layered-image-with-architecture
  nix-shell-basic nix-shell-hook nix-shell-inputs nix-shell-pass-as-file nix-shell-run nix-shell-command
  nix-shell-writable-home nix-shell-nonexistent-home nix-shell-build-derivation cross etc

  repeated-layers build-image-with-fakechroot-chown layered-non-root nix-shell-file nixProgram
  pipeline-main pipeline-popularity pipeline-split-paths`
  .trim()
  .split(/\s+/);

/** Each needs a virtual machine, which takes seconds: they are built in a soak. test/integration has such images, too. */
const MACHINES = `
  redis runAsRootExtraCommands runAsRootParentImage layersUnpackOrder repeated-layers mergedBashAndRedis mergedBashNoTagAndRedis`
  .trim()
  .split(/\s+/);
const built = (image: string): boolean => SOAKS || !MACHINES.includes(image);

/**
 * Left out: `cross` and docker-tools-cross.nix, which need a cross compiler, and `etc`, which needs NixOS. Both
 * parameters that they are about have other lines: architecture and enableFakechroot.
 */
const ELSEWHERE = ["cross", "etc"];

/** What is known of an image before it is loaded. */
interface Facts {
  readonly path: string;
  readonly isExe: boolean;
  readonly tag: string | null;
}

interface Inspected {
  readonly Created: string;
  readonly Architecture: string;
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Config: Readonly<Record<string, unknown>>;
}

const programs = [
  "dockerd",
  "docker-registry",
  "skopeo",
  "openssl",
  "fakeroot",
  "proot",
  "sqlite3",
  "zstd",
  "vm",
  "ldd",
];

for (const { release, name: nixName, needs } of SOAKS ? nixes : nixes.slice(0, 1)) {
  describeWith([...needs, ...programs], `by ${nixName}, of nixpkgs' tests of dockerTools`, () => {
    let nix: NixFunctions;
    let engine: DockerEngine;
    let registry: ImageRegistry;
    let folder: TemporaryFolder;
    let facts: Readonly<Record<string, Facts>>;
    const loaded = new Map<string, Promise<string[]>>();

    beforeAll(async () => {
      [nix, engine, registry, folder] = await Promise.all([
        nixFunctions({ nix: release }),
        startDockerEngine(),
        startImageRegistry(),
        temporaryFolder("examples"),
      ]);
      // What comes from a registry is put there first.
      const base = await nix.build(
        `images.buildImage { name = "base"; tag = "1"; copyToRoot = pkgs.bashInteractive; compressor = "none"; }`,
      );
      const digest = await registry.push(base, "library/nix:1");
      const pulled = await laminix([
        ...["pull", `${registry.host}/library/nix@${digest}`, "-o", folder.join("pulled.tar")],
        ...["--for", "nixpkgs", "--no-tls-verify"],
      ]);
      const set = `import ${projectRoot}/test/support/dockerToolsExamples {
        inherit pkgs images functions;
        build = import ${projectRoot}/test/support/machineBuild.nix { path = ${JSON.stringify(process.env["PATH"])}; };
        pulled = ${pulled.stdout.toString()} // { tlsVerify = false; };
        repeatedLayers = ${await withLayerTwice(base, folder.join("twice"))};
      }`;
      const images = EXAMPLES.filter((each) => built(each) && !ELSEWHERE.includes(each));
      const wanted = images.map((each) => `"${each}"`).join(" ");
      await nix.build(`map (image: (${set}).\${image}) [ ${wanted} ]`, ["--max-jobs", "2"]);
      facts = await nix.evaluate(
        `builtins.mapAttrs (_: image: {
          path = image.outPath; isExe = image.isExe or false; tag = image.imageTag or null;
        }) (${set})`,
      );
    });
    afterAll(async () => {
      await folder[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
      await nix[Symbol.asyncDispose]();
    });

    const asked = new Set<string>();
    const factsOf = (image: string): Facts => {
      asked.add(image);
      return facts[image]!;
    };
    const archiveOf = async (image: string): Promise<Buffer> => {
      const { path: file, isExe } = factsOf(image);
      if (isExe) return (await mustRun(file, [])).stdout;
      // An engine older than Docker 23 takes gzip and no zstd.
      return file.endsWith(".zst") ? (await mustRun("zstd", ["-dc", file])).stdout : readFileSync(file);
    };
    /** `docker load`, once: the references that it names. */
    const load = (image: string): Promise<string[]> => {
      const known = loaded.get(image);
      if (known) return known;
      const loading = archiveOf(image)
        .then((input) => engine.docker(["load"], { input }))
        .then(({ stdout }) =>
          [...stdout.toString().matchAll(/Loaded image: (\S+)/g)].map(([, name]) => name!),
        );
      loaded.set(image, loading);
      return loading;
    };
    const docker = async (args: readonly string[]): Promise<string> =>
      (await engine.docker(args)).stdout.toString().replaceAll("\r", "").trim();
    const runReference = (reference: string, args: readonly string[], flags: readonly string[] = []) =>
      docker(["run", "--rm", "--network", "none", ...flags, reference, ...args]);
    /** Loads an image and runs a container of it; what it prints. */
    const run = async (image: string, args: readonly string[] = [], flags?: readonly string[]) =>
      runReference((await load(image))[0]!, args, flags);
    /** The same with Nix in the container, whose store is where this one is. */
    const runWithNix = (image: string, args?: readonly string[]): Promise<string> => {
      const { path: program } = factsOf("nixProgram");
      const variables = {
        PATH: `/bin:${program}/bin`,
        NIX_STORE_DIR: nix.store.storeDir,
        NIX_STATE_DIR: "/nix/var/nix",
        NIX_REMOTE: "local",
        HOME: "/",
        USER: "root",
      };
      const env = Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
      return run(image, args, [...env, "--volume", `${program}:${program}:ro`]);
    };
    const sh = (script: string): string[] => ["/bin/sh", "-c", script];
    const inspect = async (image: string): Promise<Inspected> =>
      (JSON.parse(await docker(["image", "inspect", (await load(image))[0]!])) as [Inspected])[0];

    test("there is an expression for each, but for what needs NixOS or a cross compiler", () => {
      expect(Object.keys(facts).toSorted()).toEqual(
        EXAMPLES.filter((each) => !ELSEWHERE.includes(each)).toSorted(),
      );
    });

    describe("docker-tools.nix:", () => {
      test("includeStorePaths: the baseline runs; without them it fails, and runs with the host's store", async () => {
        expect(await run("helloOnRoot")).toBe("Hello, world!");
        const { storeDir } = nix.store;
        for (const image of ["helloOnRootNoStore", "helloOnRootNoStoreFakechroot"]) {
          await expect(run(image)).rejects.toThrow(/no(t found| such file)/);
          const { layers } = await readImage(await archiveOf(image));
          expect(layers.flat().filter(({ header }) => header.name.includes("nix/store/"))).toEqual([]);
          expect(await run(image, [], ["--volume", `${storeDir}:${storeDir}:ro`])).toBe("Hello, world!");
        }
      });

      test("stable date: .Created is 1970-01-01T00:00:01Z, and the image runs", async () => {
        expect((await inspect("bash")).Created).toBe("1970-01-01T00:00:01Z");
        expect(await run("bash", sh("echo hello"))).toBe("hello");
      });

      test("imageTag is the tag that is loaded", async () => {
        for (const image of ["bash", "bashNoTag", "bashNoTagLayered", "bashNoTagStreamLayered", "nixLayered"])
          expect((await load(image))[0]!.split(":").at(-1)).toBe(factsOf(image).tag);
      });

      test("nix DB: `nix-store -qR` knows the closure inside the image, and a link to a daemon is intact", async () => {
        for (const image of ["nix", "nixLayered", "nix-layered"]) {
          const paths = await runWithNix(image, sh("nix-store -qR $(ls -d $NIX_STORE_DIR/*-hello)"));
          expect(paths).toMatch(/^\S+-static-shell\n\S+-hello$/);
          expect(await run(image, sh("readlink /bin/nix-daemon"))).toMatch(/(^|\/)(hello|nix-daemon)$/);
        }
      });

      test("(layered) /nix and /nix/store have mode 755, and start as a non-root user works", async () => {
        const script = `id -u; stat -c %a ${nix.store.storeDir}`;
        expect(await run("bashLayeredWithUser", sh(script))).toBe("1000\n755");
      });

      test("pullImage: a pulled image runs, and is a base; names are in small letters", async () => {
        expect(await run("nixFromDockerHub", sh("echo pulled"))).toBe("pulled");
        expect(await load("onTopOfPulledImage")).toEqual(["ontopofpulledimage:latest"]);
        expect(await run("onTopOfPulledImage")).toBe("Hello, world!");
        expect((await inspect("onTopOfPulledImage")).RootFS.Layers[0]).toBe(
          (await inspect("nixFromDockerHub")).RootFS.Layers[0],
        );
      });

      if (SOAKS)
        test("runAsRoot makes an account over a base, beside a Healthcheck and Volumes", async () => {
          expect(await run("redis")).toBe("Hello, world!\nredis\nredis\n/data");
          expect((await inspect("redis")).Config).toMatchObject({
            Volumes: { "/data": {} },
            Healthcheck: { Test: ["CMD-SHELL", "/bin/hello"], Interval: 30_000_000_000 },
          });
        });

      test("nginx: a server runs as its own user, from a file and from a stream", async () => {
        expect(await run("nginx")).toBe("nginx\nserved");
        const { stdout } = await mustRun("gzip", ["-dc", factsOf("nginx").path]);
        expect((await archiveOf("nginxStream")).equals(stdout)).toBe(true);
      });

      if (SOAKS)
        test("runAsRoot and extraCommands: the files of both are there, with their quotes", async () => {
          expect(await run("runAsRootExtraCommands", sh("cat /runAsRoot /extraCommands"))).toBe(
            `it's runAsRoot\nsay "extraCommands"`,
          );
          expect(await run("runAsRootParentImage", sh("ls /example-file"))).toBe("/example-file");
        });

      test("unstable dates are not the epoch's", async () => {
        for (const image of ["unstableDate", "unstableDateLayered"])
          expect((await inspect(image)).Created).not.toContain("1970");
      });

      test("layered-image runs, with the file of its extraCommands, and so do images on top of it", async () => {
        expect(await run("layered-image")).toBe("Hello, world!");
        expect(await run("layered-image", sh("cat /extraCommands"))).toBe("layered");
        for (const image of ["layered-on-top", "layered-on-top-layered"])
          expect(await run(image)).toBe("Hello, world!");
      });

      test("layered-image and another-layered-image share layers", async () => {
        const [one, another] = [await inspect("layered-image"), await inspect("another-layered-image")];
        const theirs = new Set(another.RootFS.Layers);
        expect(one.RootFS.Layers.filter((layer) => theirs.has(layer)).length).toBeGreaterThan(0);
      });

      test("layersOrder: each image has the files of all below it", async () => {
        expect(await run("layersOrder", sh("cat /tmp/layer1 /tmp/layer2 /tmp/layer3 /tmp/last"))).toBe(
          "layer1\nlayer2\nlayer3\nlayer3",
        );
      });

      if (SOAKS)
        test("layersUnpackOrder: each script sees what those below have made", async () => {
          expect(await run("layersUnpackOrder", sh("cat /layer-order"))).toBe("abc");
        });

      if (SOAKS)
        test("repeated base layers: an image over them builds and runs", async () => {
          expect(await run("repeated-layers", sh("ls /example-file"))).toBe("/example-file");
        });

      test("environment variables are inherited, and an image's own come last", async () => {
        for (const image of ["environmentVariables", "environmentVariablesLayered"]) {
          const lines = (await run(image, sh("env"))).split("\n");
          expect(lines).toEqual(
            expect.arrayContaining(["FROM_PARENT=true", "FROM_CHILD=true", "LAST_LAYER=child"]),
          );
          const { Env } = (await inspect(image)).Config;
          expect((Env as string[]).filter((each) => each.startsWith("LAST_LAYER"))).toHaveLength(1);
        }
        expect(await run("environmentVariablesParent", sh("echo $LAST_LAYER"))).toBe("parent");
      });

      test("two-layered-image has two layers, bulk-layer everything in one, layered-bulk-layer exactly 4", async () => {
        expect(await run("two-layered-image")).toBe("Hello, world!");
        expect((await inspect("two-layered-image")).RootFS.Layers).toHaveLength(2);
        expect(await run("bulk-layer", sh("ls /bin/hello; hello"))).toBe("/bin/hello\nHello, world!");
        expect(await run("layered-bulk-layer", sh("ls /bin/hello; hello"))).toBe("/bin/hello\nHello, world!");
        expect((await inspect("layered-bulk-layer")).RootFS.Layers).toHaveLength(4);
      });

      test("no-store-paths: only what refers to itself is in the store", async () => {
        expect(await run("no-store-paths", sh(`ls ${nix.store.storeDir}`))).toMatch(/^\S+-self-referential$/);
        expect(await run("no-store-paths", sh("read -r line </greeting; echo $line"))).toBe("Hello, world!");
      });

      test("filesInStore: a store path that is a file prints its data, and passes --verify --check-contents", async () => {
        expect(await run("filesInStore")).toBe("some data");
        await runWithNix("filesInStore", sh("nix-store --verify --check-contents"));
      });

      test("a store path that is a link is one in the image", async () => {
        expect(await run("layeredStoreSymlink")).toMatch(/^\/\S+-some-data\nsome data$/);
      });

      test("the registry stays in the repository's name", async () => {
        expect(await load("prefixedImage")).toEqual(["registry-1.docker.io/image:latest"]);
        expect(await load("prefixedLayeredImage")).toEqual(["registry-1.docker.io/layered-image:latest"]);
        for (const image of ["prefixedImage", "prefixedLayeredImage"])
          expect(await run(image)).toBe("Hello, world!");
      });

      test("fakeRootCommands: /home/alice is uid 1000's, and what only the commands link to runs", async () => {
        const script = "stat -c %u /home/alice; /hello/bin/unique-hello";
        expect(await run("layeredImageWithFakeRootCommands", sh(script))).toBe("1000\nunique hello");
      });

      test("compressed in any way or not at all, images load and run", async () => {
        const starts = {
          bashUncompressed: "",
          bashLayeredUncompressed: "",
          bash: "1f8b",
          bashZstdCompressed: "28b52ffd",
          bashLayeredZstdCompressed: "28b52ffd",
        };
        for (const [image, start] of Object.entries(starts)) {
          expect(readFileSync(factsOf(image).path).subarray(0, 4).toString("hex").startsWith(start)).toBe(
            true,
          );
          expect(await run(image, sh("echo hello"))).toBe("hello");
        }
      });

      test("mergeImages: all constituents load, without tags too, with their owners, however compressed", async () => {
        const noTag = `bash-no-tag:${factsOf("bashNoTag").tag!}`;
        if (SOAKS) {
          expect((await load("mergedBashAndRedis")).toSorted()).toEqual(["bash:latest", "redis:latest"]);
          expect((await load("mergedBashNoTagAndRedis")).toSorted()).toEqual(
            [noTag, "redis:latest"].toSorted(),
          );
        }
        expect(await load("mergedBashFakeRoot")).toHaveLength(2);
        expect(await load("mergeVaryingCompressor")).toHaveLength(3);
        await load("bashNoTag");
        for (const reference of ["bash:latest", noTag, "bash-none:latest", "bash-layered-zstd:latest"])
          expect(await runReference(reference, sh("echo hello"))).toBe("hello");
        const owner = sh("stat -c %u /home/alice");
        expect(await runReference("layered-image-with-fake-root-commands:latest", owner)).toBe("1000");
      });

      test("exportImage: the tar lists ./bin/bash", async () => {
        const { stdout } = await mustRun("tar", ["-tf", factsOf("exportBash").path]);
        expect(stdout.toString().split("\n")).toContain("./bin/bash");
      });

      test("enableFakechroot: absolute paths are the image's, and a chown stays", async () => {
        expect(await run("imageViaFakeChroot")).toBe("Hello, world!");
        expect(await run("build-image-with-fakechroot-chown", sh("stat -c %u:%g /foo"))).toBe("12345:12345");
      });

      test("a folder beside the expression is in the image", async () => {
        for (const image of ["build-image-with-path", "layered-image-with-path"])
          expect(await run(image, ["/bin/cat", "/hello.txt"])).toBe(
            "hello from a folder beside the expression",
          );
      });

      test("architecture: arm64 is what inspect tells", async () => {
        for (const image of ["build-image-with-architecture", "layered-image-with-architecture"])
          expect((await inspect(image)).Architecture).toBe("arm64");
      });

      test("certificates are readable at three places", async () => {
        const places = [
          "ssl/certs/ca-bundle.crt",
          "ssl/certs/ca-certificates.crt",
          "pki/tls/certs/ca-bundle.crt",
        ];
        expect(await run("image-with-certs", ["/bin/cat", ...places.map((place) => `/etc/${place}`)])).toBe(
          "certificates\ncertificates\ncertificates",
        );
      });

      test("an image with another owner of its store loads and runs", async () => {
        const { layers } = await readImage(await archiveOf("layered-non-root"));
        expect(
          layers[0]!.map(({ header }) => [header.uid, header.gid, header.uname, header.gname]),
        ).toContainEqual([1000, 1000, "user", "user"]);
        expect(
          await runReference((await load("layered-non-root"))[0]!, sh("id -u"), ["--user", "1000"]),
        ).toBe("1000");
      });

      test("editors: several packages are one root", async () => {
        expect(await run("editors", sh("ls /bin/httpd; hello"))).toBe("/bin/httpd\nHello, world!");
      });
    });

    describe("docker-tools-nix-shell.nix:", () => {
      test("a database knows what a program refers to", async () => {
        const script = sh("nix-store -q --references $(ls -d $NIX_STORE_DIR/*-hello)");
        for (const image of ["nix", "nix-layered"])
          expect(await runWithNix(image, script)).toMatch(/-static-shell$/);
      });

      test("a shell can build its derivation, and run what that makes", async () => {
        const { Cmd } = (await inspect("nix-shell-basic")).Config;
        const script = 'buildDerivation && "$out/bin/hello"';
        expect(await run("nix-shell-basic", [...(Cmd as string[]), "-i", "-c", script])).toBe(
          "Hello, world!",
        );
        expect(await run("nix-shell-build-derivation")).toBe("Hello, world!");
      });

      const terminal = ["--tty"];
      test.each<[string, string, string[], string]>([
        ["runs the shell's hook", "hook", terminal, "This is the shell hook!"],
        ["finds the programs of inputs", "inputs", terminal, "Hello, world!"],
        ["has variables that are passed as files", "pass-as-file", terminal, "this is a string"],
        ["runs what is given as run without a prompt", "run", [], "not interactive"],
        ["runs a command at a prompt", "command", terminal, "interactive"],
        ["has a home that can be written to", "writable-home", [], "written"],
        ["can be without a home", "nonexistent-home", [], "no home"],
        ["can be in a file", "file", [], "Hello, world!"],
      ])("a shell %s", async (_, image, flags, printed) => {
        expect(await run(`nix-shell-${image}`, [], flags)).toBe(printed);
      });
    });

    test.each<[string, RegExp]>([
      ["main", /^B C A$/],
      // Of equals, the one with the smaller name comes first, of which the test's folder is a part.
      ["popularity", /^E D F B (A C|C A)( Root[123]| X){4}$/],
      ["split-paths", /^BF DE ACRoot1Root2Root3X$/],
    ])("the pipeline's unit tests: %s", (pipeline, layers) => {
      const conf = JSON.parse(readFileSync(factsOf(`pipeline-${pipeline}`).path, "utf8")) as {
        readonly store_layers: readonly (readonly string[])[];
      };
      const names = conf.store_layers.map((layer) => layer.map((each) => path.basename(each).slice(33)));
      expect(names.map((layer) => layer.toSorted().join("")).join(" ")).toMatch(layers);
    });

    describe("docker-tools-overlay.nix:", () => {
      test("an image runs as root and as 1000:1000 on overlay2", async () => {
        expect(await docker(["info", "--format", "{{.Driver}}"])).toBe("overlay2");
        for (const user of ["0:0", "1000:1000"])
          expect(await run("bash", sh("ls $(readlink -f /bin/busybox); id -u"), ["--user", user])).toMatch(
            new RegExp(`${user.split(":")[0]!}$`),
          );
      });
    });

    test("every image has been asked for", () => {
      expect([...asked].toSorted()).toEqual(Object.keys(facts).filter(built).toSorted());
    });
  });
}
