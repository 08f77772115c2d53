import { readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { changing, fatesOf, manifestAt, type PushScene, startPushScene } from "../builders/push/scene.js";
import { account, startImageRegistry } from "../support/imageRegistry.js";
import { archiveOf, type ConfigParts, layerOf, Layout, onPlatform } from "../support/images.js";
import { tagsIn } from "../support/registryStorage.js";
import { describeWith } from "../support/requirements.js";
import { type Outcome, runMain } from "./commandLine.js";

interface Pushed {
  readonly reference: string;
  readonly digest: string;
  readonly tags: string[];
  readonly sent: number;
  readonly layers: { readonly fate: "sent" | "there" | "unread" | "mounted"; readonly digest: string }[];
}

describeWith(
  ["docker-registry", "openssl", "skopeo", "nix-daemon", "linux"],
  "pushing on the command line",
  () => {
    let scene: PushScene;
    let host: string;
    let name: string;
    let repository: string;
    let archive: string;
    let parts: ConfigParts;
    beforeAll(async () => {
      scene = await startPushScene();
      ({ host } = scene.registry);
      parts = { layers: [await layerOf({ one: "1" }), await layerOf({ two: "2" })] };
      archive = scene.folder.join("one.tar");
      writeFileSync(archive, await archiveOf({ ...parts, tags: ["it:1"] }));
    });
    afterAll(() => scene[Symbol.asyncDispose]());
    beforeEach(() => {
      repository = scene.repository();
      name = `${host}/${repository}`;
    });
    const main = (...args: string[]): Promise<Outcome> =>
      runMain(args, { environment: { HOME: "/nowhere", LAMINIX_CACHE_DIR: scene.folder.join("cache") } });
    const json = async <T>(...args: string[]): Promise<T> => {
      const { code, stdout, stderr } = await main(...args, "--json");
      expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
      return JSON.parse(stdout.toString()) as T;
    };
    const errorOf = async (...args: string[]): Promise<{ code: string; message: string; hint?: string }> => {
      const { code, stdout, stderr } = await main(...args, "--json");
      expect([code > 0, stdout.toString()]).toEqual([true, ""]);
      const { error } = JSON.parse(stderr.slice(stderr.lastIndexOf('{"error"'))) as {
        error: { code: string; message: string };
      };
      return error;
    };

    test("prints the reference with its digest, puts every tag there and writes the digest", async () => {
      const file = scene.folder.join("digest");
      const args = ["push", "--store", scene.nix.uri, scene.program, scene.leaf];
      const { code, stdout, stderr } = await main(
        ...args,
        `${name}:1`,
        "--tag",
        "a",
        "--tag",
        "b",
        "--digest-file",
        file,
      );
      const digest = readFileSync(file, "utf8");
      expect([code, stdout.toString()]).toEqual([0, `${name}:1@${digest}\n`]);
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(stderr).toMatch(/^layer [1-4]\/4 {2}sha256:[0-9a-f]{12} .* sent {2}library$/m);
      expect(stderr).toMatch(/^4 of 4 layers sent, 1\.\d+ MB$/m);
      const tags = tagsIn(scene.registry.storage);
      expect(["1", "a", "b", "latest"].map((tag) => tags[`${repository}:${tag}`])).toEqual([
        digest,
        digest,
        digest,
        undefined,
      ]);
      const again = await main(...args, name, "--tag", "a");
      expect(again.stderr).toMatch(/^0 of 4 layers sent, 0 B; 4 there already$/m);
      expect(again.stdout.toString()).toBe(`${name}:a@${digest}\n`);
      expect((await main(...args, name)).stdout.toString()).toBe(`${name}:latest@${digest}\n`);
    });

    test("writes the digest to where a link leads, or to standard output, with the reference elsewhere", async () => {
      const [file, link] = [scene.folder.join("secret"), scene.folder.join("link")];
      writeFileSync(file, "", { mode: 0o600 });
      symlinkSync("secret", link);
      const linked = await main("push", archive, `${name}:1`, "--digest-file", link);
      const digest = readFileSync(file, "utf8");
      expect(linked.stdout.toString()).toBe(`${name}:1@${digest}\n`);
      expect([readlinkSync(link), statSync(file).mode & 0o777]).toEqual(["secret", 0o600]);
      const printed = await main("push", archive, `${name}:1`, "--digest-file", "-", "--quiet");
      expect([printed.stdout.toString(), printed.stderr]).toEqual([digest, `${name}:1@${digest}\n`]);
      const dry = await main("push", archive, `${name}:1`, "--digest-file", "-", "--dry-run", "--quiet");
      expect([dry.stdout.toString(), dry.stderr]).toEqual([expect.stringMatching(/^unread/), ""]);
    });

    test("pulls to standard output, and tells how to pin it on standard error", async () => {
      await main("push", archive, `${name}:1`);
      await main("pull", `${name}:1`, "-o", scene.folder.join("pulled.tar"));
      const { code, stdout, stderr } = await main("pull", `${name}:1`, "-o", "-", "--quiet");
      expect([code, stdout.equals(readFileSync(scene.folder.join("pulled.tar")))]).toEqual([0, true]);
      expect(stderr).toMatch(/^\{\n {2}imageName = /);
    });

    test("tells with --json what has become of each layer, and with --dry-run what would", async () => {
      const spec = scene.folder.join("spec.json");
      writeFileSync(
        spec,
        JSON.stringify({ name: "it", contents: [scene.program], layerCompression: "zstd" }),
      );
      const args = ["push", "--store", scene.nix.uri, spec, `${name}:1`];
      const { result: planned, requests } = await scene.registry.during(() =>
        json<{ toSend: number; layers: object[] }>(...args, "--dry-run"),
      );
      expect(changing(requests)).toEqual([]);
      expect(planned.layers).toHaveLength(3);
      expect(planned.toSend).toBeGreaterThan(1_200_000);
      const pushed = await json<Pushed>(...args);
      expect(pushed).toMatchObject({ reference: `${name}:1@${pushed.digest}`, tags: ["1"] });
      expect(fatesOf(pushed as never)).toEqual(["sent", "sent", "sent"]);
      const { manifest } = await manifestAt(host, repository, "1");
      expect(manifest.layers.map(({ digest }) => digest)).toEqual(pushed.layers.map(({ digest }) => digest));
      expect(manifest.layers[0]!.mediaType).toMatch(/\+zstd$/);
      const plain = await main(...args, "--dry-run");
      expect(plain.stdout.toString()).toMatch(/^unread {3}sha256:[0-9a-f]{12} +[\d.]+ [kM]?B {2}library$/m);
      expect((await json<{ toSend: number }>(...args, "--dry-run")).toSend).toBe(0);
    });

    test("has flags for manifests, compression, and what is taken over", async () => {
      const args = ["push", "--store", scene.nix.uri, scene.program];
      await json(...args, `${name}:1`, "--manifest-format", "docker", "--annotation", "a=b");
      expect((await manifestAt(host, repository, "1")).manifest.mediaType).toMatch(/docker/);
      const other = `${host}/${scene.repository()}:1`;
      const mounted = await json<Pushed>(...args, other, "--cache-from", `${name}:1`);
      expect(new Set(mounted.layers.map(({ fate }) => fate))).toEqual(new Set(["mounted"]));
      const there = await json<Pushed>(...args, other, "--no-registry-cache");
      expect(new Set(there.layers.map(({ fate }) => fate))).toEqual(new Set(["there"]));
      const verified = await json<Pushed>(...args, other, "--verify", "--annotation", "a=b");
      expect(new Set(verified.layers.map(({ fate }) => fate))).toEqual(new Set(["unread"]));
      const { manifest } = await manifestAt(host, other.slice(host.length + 1, -2), "1");
      expect(manifest.annotations).toMatchObject({ a: "b" });
      const none = await json<Pushed>(...args, `${name}:none`, "--layer-compression", "none");
      expect(none.digest).not.toBe(verified.digest);
    });

    test("pushes an archive and what is in a registry; tells what it cannot push", async () => {
      const { digest } = await json<Pushed>("push", archive, `${name}:1`);
      const copied = await json<Pushed>("push", `docker://${name}:1`, `${name}-copy:1`);
      expect([copied.digest, copied.layers.map(({ fate }) => fate)]).toEqual([
        digest,
        ["mounted", "mounted"],
      ]);
      for (const [args, code, said] of [
        [["push", archive], "ERR_USAGE", /REF/],
        [["push"], "ERR_USAGE", /IMAGE/],
        [["push", archive, `${name}@${digest}`], "ERR_REFERENCE", /digest|tag/],
        [["push", archive, `${name}:A B`], "ERR_REFERENCE", /tag/],
        [["push", archive, `${name}:1`, "--tag", "-x-"], "ERR_REFERENCE", /tag/],
        [["push", archive, `${host}/Upper/Case`], "ERR_REFERENCE", /repository/],
        [["push", archive, `${name}:1`, "--env", "A=b"], "ERR_USAGE", /--env has no effect/],
        [["push", archive, `${name}:1`, "--annotation", "a=b"], "ERR_USAGE", /--annotation has no effect/],
        [["push", archive, `${name}:1`, "--manifest-format", "v1"], "ERR_USAGE", /oci, docker/],
        [["push", archive, `${name}:1`, "--cache-from", "a@b"], "ERR_REFERENCE", /a@b/],
        [["push", archive, `${name}:1`, "--arch", "s390x"], "ERR_ARCHIVE", /linux\/s390x/],
        [["push", `${archive}.not`, `${name}:1`], "ERR_FILE_READ", /one\.tar\.not/],
        [
          ["push", archive, `${name}:1`, "--layer-compression-level", "99"],
          "ERR_ARGUMENT",
          /CompressionLevel must be 0 to 12/,
        ],
      ] as const) {
        const error = await errorOf(...args);
        expect([args, error.code, error.message]).toEqual([args, code, expect.stringMatching(said)]);
      }
    });

    test("makes and pushes an index of archives, layouts, references and specs", async () => {
      const layout = new Layout(scene.folder.join("layout"));
      const arm = { ...parts, architecture: "arm", variant: "v7" };
      layout.index([onPlatform(layout.image(arm, gzipSync, "+gzip"), "arm", "v7")]);
      const s390x = scene.folder.join("s390x.tar");
      writeFileSync(s390x, await archiveOf({ ...parts, architecture: "s390x", tags: ["it:1"] }));
      await json("push", s390x, `${name}:s390x`);
      const spec = scene.folder.join("arm64.json");
      writeFileSync(spec, JSON.stringify({ name: "it", contents: [scene.leaf], architecture: "arm64" }));
      const args = ["index", "--store", scene.nix.uri, archive, layout.folder, `${name}:s390x`, spec];
      const pushed = await json<Pushed>(...args, "--push", `${name}:all`, "--annotation", "a=b");
      const { manifest, digest } = await manifestAt(host, repository, "all");
      expect(digest).toBe(pushed.digest);
      const { manifests, annotations } = manifest as unknown as {
        manifests: { platform: object }[];
        annotations: object;
      };
      expect(annotations).toEqual({ a: "b" });
      expect(manifests.map(({ platform }) => platform)).toEqual([
        { os: "linux", architecture: "amd64" },
        { os: "linux", architecture: "arm", variant: "v7" },
        { os: "linux", architecture: "s390x" },
        { os: "linux", architecture: "arm64" },
      ]);
      const again = await main(...args, "--push", `${name}:all`, "--annotation", "a=b");
      expect([again.code, again.stdout.toString()]).toEqual([0, `${name}:all@${digest}\n`]);
      expect(again.stderr).toMatch(/0 B sent/);
      expect(await errorOf(...args)).toMatchObject({ code: "ERR_USAGE" });
      expect(await errorOf(...args, "--push", `${name}:x`, "-o", "x")).toMatchObject({ code: "ERR_USAGE" });
      expect(await errorOf("index", archive, archive, "--push", `${name}:x`)).toMatchObject({
        code: "ERR_INDEX",
      });

      // And what is there is inspected.
      const one = await json<{ images: { digest: string; layers: object[] }[] }>(
        "inspect",
        `${name}:all`,
        "--arch",
        "arm",
        "--variant",
        "v7",
      );
      expect(one.images).toHaveLength(1);
      expect(one.images[0]!.layers).toHaveLength(2);
      const text = await main("inspect", `${name}:s390x`);
      expect(text.stdout.toString()).toMatch(
        new RegExp(`^${name}:s390x\n {2}digest {2}sha256:[0-9a-f]{64}\n`),
      );
      expect(text.stdout.toString()).toMatch(/^ {2}layers {2}2 layers, \d+ B$/m);
      const pinned = await json<typeof one>("inspect", `docker://${name}@${digest}`, "--arch", "amd64");
      expect(pinned.images[0]!.layers).toHaveLength(2);
      expect(await errorOf("inspect", `${name}:all`, "--arch", "riscv64")).toMatchObject({
        code: "ERR_ARCHIVE",
      });
      expect(await errorOf("inspect", `${name}:s390x`, "--arch", "amd64")).toMatchObject({
        code: "ERR_ARCHIVE",
      });
      expect(await errorOf("inspect", `${name}:none`)).toMatchObject({ code: "ERR_REGISTRY" });
    });

    test("shows on a terminal how far it is", async () => {
      const { stderr, code } = await runMain(["push", "--store", scene.nix.uri, scene.program, `${name}:1`], {
        environment: { HOME: "/nowhere", LAMINIX_CACHE_DIR: scene.folder.join("cache"), NO_COLOR: "1" },
        isTerminal: true,
      });
      expect(code).toBe(0);
      expect(stderr).toMatch(/\[#*\.*\] [0-3] of 3 layers {2}[\d.]+ [kM]?B sent {2}library/);
      expect(stderr).toMatch(/3 of 3 layers sent, 1\.\d+ MB\n$/);
    });

    test("logs in with what Docker knows, and prints no password", async () => {
      await using secret = await startImageRegistry({ auth: { kind: "password" } });
      const auth = Buffer.from(`${account.username}:${account.password}`).toString("base64");
      writeFileSync(scene.folder.join("config.json"), JSON.stringify({ auths: { [secret.host]: { auth } } }));
      const known = { HOME: "/nowhere", DOCKER_CONFIG: scene.folder.path };
      const args = ["push", archive, `${secret.host}/private/it:1`, "--json", "--verbose"];
      const stranger = await runMain([...args, "--no-tls-verify"], { environment: { HOME: "/nowhere" } });
      expect(JSON.parse(stranger.stderr.slice(stranger.stderr.lastIndexOf('{"error"')))).toMatchObject({
        error: { code: "ERR_REGISTRY_AUTH", hint: `log in: docker login ${secret.host}` },
      });
      const unproven = await runMain(args, { environment: known });
      expect(unproven.stderr).toContain("ERR_REGISTRY_UNREACHABLE");
      const pushed = await runMain([...args, "--no-tls-verify"], { environment: known });
      expect([pushed.code, Object.keys(tagsIn(secret.storage))]).toEqual([0, ["private/it:1"]]);
      for (const { stdout, stderr } of [stranger, unproven, pushed])
        expect(stdout.toString() + stderr).not.toMatch(new RegExp(`${account.password}|${auth}`));
    });
  },
);
