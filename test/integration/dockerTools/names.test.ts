import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ImageSpec, openStore, planLayers, streamLayeredImage } from "../../../dist/index.js";
import { type DockerTools, dockerTools, enginePrograms } from "../../support/dockerTools.js";
import { describeWith } from "../../support/requirements.js";
import { mustRun } from "../../support/run.js";

describeWith(
  [...enginePrograms, "zstd"],
  "dockerTools: names, tags, dates, platforms and compressors",
  () => {
    let tools: DockerTools;
    beforeAll(async () => {
      tools = await dockerTools();
    });
    afterAll(async () => {
      await tools[Symbol.asyncDispose]();
    });

    /** The three ways to an image, by the builder's name. */
    const builders = (): [string, (spec: ImageSpec) => ReturnType<DockerTools["stream"]>][] => [
      ["buildImage", ({ contents, ...spec }) => tools.single({ ...spec, copyToRoot: contents })],
      ["buildLayeredImage", (spec) => tools.build(spec)],
      ["streamLayeredImage", (spec) => tools.stream(spec)],
    ];
    const config = { Cmd: ["/bin/hello"] };

    test("stable date: .Created is 1970-01-01T00:00:01Z, and the image runs", async () => {
      for (const [builder, make] of builders()) {
        const made = await make({ name: `stable-${builder}`, contents: [tools.hello], config });
        expect(await tools.runMade(made)).toBe("Hello, world!");
        expect((await tools.inspect(made.reference)).Created).toBe("1970-01-01T00:00:01Z");
      }
    });

    test("unstableDate, unstableDateLayered: with created now the date is not the epoch's", async () => {
      const before = Math.floor(Date.now() / 1000) * 1000;
      for (const [builder, make] of builders()) {
        const made = await make({ name: `unstable-${builder}`, contents: [tools.hello], created: "now" });
        await tools.load(made.file);
        const created = new Date((await tools.inspect(made.reference)).Created).getTime();
        expect(created).toBeGreaterThanOrEqual(before);
        expect(created).toBeLessThanOrEqual(Date.now());
      }
    });

    test("bashNoTag, bashNoTagLayered, bashNoTagStreamLayered: imageTag is the tag that is loaded", async () => {
      const tags = new Set<string>();
      for (const [, make] of builders()) {
        const made = await make({ name: "no-tag", contents: [tools.hello], config });
        expect(await tools.load(made.file)).toEqual([made.reference]);
        expect(made.reference).toMatch(/^no-tag:[0-9a-df-np-sv-z]{32}$/);
        expect(await tools.run(made.reference)).toBe("Hello, world!");
        tags.add(made.reference);
        // Another configuration is another image.
        const other = await make({
          name: "no-tag",
          contents: [tools.hello],
          config: { Cmd: ["/bin/other"] },
        });
        expect(other.reference).not.toBe(made.reference);
      }
      // Layered by a file or by a stream it is one image.
      expect(tags.size).toBe(2);
    });

    test("imageTag is known before an image is read", async () => {
      await using store = await openStore(tools.nix.url);
      await using image = await streamLayeredImage({ name: "tag", contents: [tools.hello] }, { store });
      const made = await tools.stream({ name: "tag", contents: [tools.hello] });
      expect(`tag:${image.imageTag}`).toBe(made.reference);
      expect((await planLayers({ name: "tag", contents: [tools.hello] }, { store })).layers).toHaveLength(1);
    });

    test("bashLayeredWithUser, non-root (uid/gid/uname/gname): starts as another user, who owns its store or does not", async () => {
      const owner = { uid: 1000, gid: 1000, uname: "user", gname: "user" };
      for (const spec of [{}, owner]) {
        const made = await tools.build({
          ...{ name: "with-user", contents: [tools.busybox], ...spec },
          config: {
            User: "1000",
            Cmd: ["/bin/sh", "-c", `id -u; stat -c '%u:%g %a' ${tools.busybox} /nix/store`],
          },
        });
        const owned = "uid" in spec ? "1000:1000" : "0:0";
        expect(await tools.runMade(made)).toBe(`1000\n${owned} 555\n${owned} 755`);
      }
    });

    test("prefixedImage, prefixedLayeredImage: the registry stays in the repository's name", async () => {
      for (const [builder, make] of builders()) {
        const name = `registry-1.docker.io:5000/some/image-${builder}`;
        const made = await make({ name, tag: "1", contents: [tools.hello], config });
        expect(await tools.load(made.file)).toEqual([`${name.toLowerCase()}:1`]);
        expect(await tools.run(made.reference)).toBe("Hello, world!");
      }
    });

    test("build-image-with-architecture, layered-image-with-architecture, cross: arm64 is what inspect tells", async () => {
      for (const [builder, make] of builders()) {
        const spec = { name: `arm-${builder}`, tag: "1", contents: [tools.hello], architecture: "arm64" };
        const made = await make(spec);
        await tools.load(made.file);
        expect((await tools.inspect(made.reference)).Architecture).toBe("arm64");
      }
    });

    test("bashUncompressed, bashZstdCompressed, bashLayeredUncompressed, bashLayeredZstdCompressed load and run", async () => {
      const starts = { none: "", gz: "1f8b", zstd: "28b52ffd" };
      for (const [builder, make] of builders().slice(0, 2)) {
        const ids = new Set<string>();
        for (const compressor of ["none", "gz", "zstd"] as const) {
          const made = await make({
            name: `compressed-${builder}`,
            tag: "1",
            contents: [tools.hello],
            config,
            compressor,
          });
          const begin = readFileSync(made.file).subarray(0, 4).toString("hex");
          expect(begin.startsWith(starts[compressor])).toBe(true);
          // An engine older than Docker 23 takes gzip and no zstd.
          const plain = { ...made, file: `${made.file}.plain` };
          if (compressor === "zstd") await mustRun("zstd", ["-dqo", plain.file, made.file]);
          expect(await tools.runMade(compressor === "zstd" ? plain : made)).toBe("Hello, world!");
          ids.add((await tools.inspect(made.reference)).Id);
        }
        expect(ids.size).toBe(1);
      }
    });

    test("a Healthcheck, Volumes and what else a configuration has is what inspect tells", async () => {
      const more = {
        ...{ Cmd: ["/bin/hello"], WorkingDir: "/data", StopSignal: "SIGINT", Labels: { kind: "test" } },
        ...{ Volumes: { "/data": {} }, ExposedPorts: { "6379/tcp": {} }, Env: ["A=b"], User: "0:0" },
        Healthcheck: {
          Test: ["CMD-SHELL", "/bin/hello"],
          Interval: 30_000_000_000,
          Timeout: 10_000_000_000,
          Retries: 3,
        },
      };
      for (const [builder, make] of builders()) {
        const made = await make({
          name: `whole-${builder}`,
          tag: "1",
          contents: [tools.hello],
          config: more,
        });
        expect(await tools.runMade(made)).toBe("Hello, world!");
        expect((await tools.inspect(made.reference)).Config).toMatchObject(more);
      }
    });
  },
);
