import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
// Threads are started from compiled files.
import {
  buildImageIndex,
  buildLayeredImage,
  type Encoding,
  type ImageFormat,
  openStore,
} from "../../dist/index.js";
import { sha256 } from "../support/images.js";
import { type ImageTools, imageTools } from "../support/imageTools.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { Random } from "../support/random.js";
import { readLayout } from "../support/readLayout.js";
import { describeWith } from "../support/requirements.js";
import { laminix, mustRun } from "../support/run.js";

/** What other programs make of our layouts. */
describeWith(
  ["linux", "nix-daemon", "nix-store", "skopeo", "podman", "umoci", "zstd", "python3"],
  "an OCI layout that we write",
  () => {
    let tools: ImageTools;
    let nix: NixStore;
    let store: Awaited<ReturnType<typeof openStore>>;
    let path: string;

    beforeAll(async () => {
      tools = await imageTools();
      nix = await startNixStore();
      const library = await nix.addTree("library", (at) => writeFileSync(at, new Random(1).bytes(300_000)));
      path = await nix.addTree(
        "program",
        (at) => {
          mkdirSync(at);
          writeFileSync(`${at}/file`, `see ${library}`);
        },
        { references: [library] },
      );
      store = await openStore(nix.uri);
    });
    afterAll(async () => {
      await store.close();
      await nix[Symbol.asyncDispose]();
      await tools[Symbol.asyncDispose]();
    });

    async function build(
      name: string,
      format: ImageFormat,
      layerCompression: Encoding,
      architecture = "amd64",
    ): Promise<string> {
      const output = tools.join(name);
      const config = { Cmd: ["/file"], Env: ["A=b"] };
      const spec = {
        name: "example/tool",
        tag: "1",
        contents: [path],
        layerCompression,
        architecture,
        config,
        compressor: "none" as const,
      };
      await buildLayeredImage(spec, { store, cache: false, output, format });
      return output;
    }

    describe.each(["none", "gz", "zstd"] as const)("with layers compressed with %s", (encoding) => {
      test("is copied by skopeo with its digests unchanged", async () => {
        const folder = await build(`dir-${encoding}`, "oci-dir", encoding);
        const archive = await build(`archive-${encoding}`, "oci-archive", encoding);
        const { entries, images } = await readLayout(folder);
        for (const source of [`oci:${folder}:1`, `oci-archive:${archive}:1`, `oci-archive:${archive}`]) {
          const { stdout } = await tools.skopeo(["inspect", source]);
          expect(JSON.parse(stdout.toString())).toMatchObject({
            Digest: entries[0]!.digest,
            Layers: images[0]!.manifest.layers.map(({ digest }) => digest),
            Env: ["A=b"],
            Architecture: "amd64",
          });
          const to = tools.join(`copied-${encoding}`);
          await tools.skopeo(["copy", "--quiet", "--preserve-digests", source, `dir:${to}`]);
          expect(`sha256:${sha256(readFileSync(`${to}/manifest.json`))}`).toBe(entries[0]!.digest);
          await mustRun("rm", ["-rf", to]);
        }
        // To an archive of Docker's it unpacks every layer; it refuses to for zstd.
        if (encoding !== "zstd")
          await tools.skopeo([
            "copy",
            "--quiet",
            `oci:${folder}:1`,
            `docker-archive:${tools.join(`d-${encoding}`)}:a:1`,
          ]);
      }, 120_000);

      test("is pulled and loaded by podman, with its whole name and the ID of the docker-archive", async () => {
        const docker = await build(`docker-${encoding}`, "docker-archive", "gz");
        await tools.podman(["rmi", "--all", "--force"]);
        await tools.podman(["load", "--quiet", "--input", docker]);
        const ids = async (): Promise<string[]> => {
          const { stdout } = await tools.podman([
            "images",
            "--no-trunc",
            "--format",
            "{{.Id}} {{.Repository}}",
          ]);
          return stdout.toString().trim().split("\n");
        };
        const [id] = (await ids())[0]!.split(" ");
        await build(`p-dir-${encoding}`, "oci-dir", encoding);
        const archive = await build(`p-archive-${encoding}`, "oci-archive", encoding);
        for (const [args, name] of [
          // What comes from a folder it calls by the folder.
          [["pull", "--quiet", `oci:p-dir-${encoding}:1`], `localhost/p-dir-${encoding}`],
          [["pull", "--quiet", `oci-archive:${archive}`], "docker.io/example/tool"],
          [["load", "--quiet", "--input", archive], "docker.io/example/tool"],
        ] as const) {
          await tools.podman(["rmi", "--all", "--force"]);
          await tools.podman(args, { cwd: tools.folder });
          expect(await ids()).toEqual([`${id!} ${name}`]);
        }
      }, 240_000);
    });

    // Debian's umoci has no zstd.
    test.each(["none", "gz"] as const)("is unpacked by umoci: %s", async (encoding) => {
      const folder = await build(`umoci-${encoding}`, "oci-dir", encoding);
      const { stdout } = await tools.umoci(["ls", "--layout", folder]);
      expect(stdout.toString().trim()).toBe("1");
      const bundle = tools.join(`bundle-${encoding}`);
      await tools.umoci(["raw", "unpack", "--rootless", "--image", `${folder}:1`, bundle]);
      expect(readFileSync(`${bundle}/file`, "utf8")).toContain("see ");
      await tools.umoci(["gc", "--layout", folder]);
      await readLayout(folder);
    });

    test("with several platforms gives each tool its own, and has shared layers once", async () => {
      const arm = await build("arm.tar", "docker-archive", "gz", "arm64");
      const amd = await build("amd", "oci-dir", "gz", "amd64");
      const index = tools.join("index");
      const { digest, platforms } = await buildImageIndex([arm, amd], { output: index, cache: false });
      expect(platforms.map(({ architecture }) => architecture)).toEqual(["arm64", "amd64"]);
      const { entries, images, blobs } = await readLayout(index);
      expect(entries.map((entry) => entry.digest)).toEqual([digest]);
      // Two configurations, two manifests and an index beside the layers, which are the same.
      expect(blobs).toHaveLength(images[0]!.manifest.layers.length + 5);
      // What lay in a layout is as it was.
      expect(images[1]!.entry.digest).toBe((await readLayout(amd)).entries[0]!.digest);
      for (const architecture of ["amd64", "arm64"]) {
        const { stdout } = await tools.skopeo([
          ...["--override-arch", architecture, "inspect", "--config", `oci:${index}:1`],
        ]);
        expect(JSON.parse(stdout.toString())).toMatchObject({ architecture });
      }
      const all = tools.join("all");
      await tools.skopeo(["copy", "--quiet", "--all", "--preserve-digests", `oci:${index}:1`, `dir:${all}`]);
      expect(`sha256:${sha256(readFileSync(`${all}/manifest.json`))}`).toBe(digest);
    }, 120_000);

    test("takes no more memory for a layer of a gigabyte, and no name on the disk", async () => {
      const large = await nix.addTree("large", (at) => {
        mkdirSync(at);
        const piece = Buffer.concat([
          new Random(2).bytes(1 << 16),
          Buffer.alloc((16 << 20) - (1 << 16), "x"),
        ]);
        for (let i = 0; i < 64; i++) writeFileSync(`${at}/${i}`, piece);
      });
      mkdirSync(tools.join("spools"));
      const program = `
import os, resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)`;
      for (const [format, compression] of [
        ["oci-archive", "gz"],
        ["oci-dir", "zstd"],
      ] as const) {
        const args = [
          ...["build", large, "--store", nix.uri, "--quiet", "--format", format],
          ...["--layer-compression", compression, "-o", tools.join(`large-${format}`)],
        ];
        const bin = new URL("../../dist/bundled/laminix.js", import.meta.url).pathname;
        const { stdout } = await mustRun("python3", ["-c", program, process.execPath, bin, ...args], {
          env: { TMPDIR: tools.join("spools"), LAMINIX_CACHE_DIR: tools.join("large-cache") },
          timeout: 300_000,
        });
        const [code, kibibytes] = stdout.toString().trim().split(" ").map(Number);
        expect(code).toBe(0);
        expect(kibibytes! / 1024).toBeLessThan(250);
      }
      expect(readdirSync(tools.join("spools"))).toEqual([]);
      expect((await readLayout(tools.join("large-oci-dir"))).images).toHaveLength(1);
    }, 300_000);

    test("is what the command line writes, with what its flags say", async () => {
      const env = { LAMINIX_CACHE_DIR: tools.join("cli-cache") };
      const output = tools.join("cli");
      const { code, stderr } = await laminix(
        [
          ...["build", path, "--store", nix.uri, "--format", "oci-dir", "-o", output, "--tag", "1"],
          ...[
            "--layer-compression",
            "zstd",
            "--layer-compression-level",
            "5",
            "--annotation",
            "org.example.a=b=c",
          ],
        ],
        { env },
      );
      expect([code, stderr]).toEqual([0, expect.stringContaining(`program:1  ${output}`)]);
      const { images } = await readLayout(output);
      expect(images[0]!.manifest.annotations).toMatchObject({ "org.example.a": "b=c" });
      const index = await laminix(
        [
          "index",
          output,
          "-o",
          tools.join("cli-index"),
          "--format",
          "oci-archive",
          "--name",
          "x:2",
          "--json",
        ],
        { env },
      );
      expect(JSON.parse(index.stdout.toString())).toMatchObject({ platforms: [{ os: "linux" }] });
      await tools.skopeo(["inspect", `oci-archive:${tools.join("cli-index")}:2`]);
      const inspected = await laminix(["inspect", tools.join("cli-index"), "--json"]);
      expect(JSON.parse(inspected.stdout.toString())).toMatchObject({
        images: [{ tags: ["docker.io/library/x:2"] }],
      });
    });
  },
);
