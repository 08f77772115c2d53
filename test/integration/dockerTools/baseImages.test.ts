import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  configText,
  type DockerTools,
  dockerTools,
  enginePrograms,
  exportedNames,
} from "../../support/dockerTools.js";
import { withLayerTwice } from "../../support/layerTwice.js";
import { describeWith } from "../../support/requirements.js";
import { mustRun } from "../../support/run.js";

describeWith([...enginePrograms, "skopeo"], "dockerTools: base images", () => {
  let tools: DockerTools;
  beforeAll(async () => {
    tools = await dockerTools();
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
  });

  test("environmentVariables, environmentVariablesLayered: Env of the base is inherited, and ours comes last", async () => {
    const base = await tools.single({
      ...{ name: "environment-parent", tag: "1", copyToRoot: [tools.busybox] },
      config: { Env: ["FROM_PARENT=true", "LAST_LAYER=parent"] },
    });
    const spec = {
      ...{ tag: "1", fromImage: base.file },
      config: { Env: ["FROM_CHILD=true", "LAST_LAYER=child"], Cmd: ["/bin/env"] },
    };
    for (const made of [
      await tools.single({ ...spec, name: "environment-single" }),
      await tools.build({ ...spec, name: "environment-layered" }),
    ]) {
      const lines = (await tools.runMade(made)).split("\n");
      expect(lines).toEqual(
        expect.arrayContaining(["FROM_PARENT=true", "FROM_CHILD=true", "LAST_LAYER=child"]),
      );
      expect(lines.filter((line) => line.startsWith("LAST_LAYER"))).toHaveLength(1);
      // "config JSON has exactly one LAST_LAYER*"
      expect((await configText(made.file)).match(/LAST_LAYER/g)).toHaveLength(1);
    }
  });

  test("the whole configuration of the base is inherited where the image says nothing of it", async () => {
    const config = {
      ...{
        Entrypoint: ["/bin/sh", "-c"],
        Cmd: ["pwd"],
        User: "1000",
        WorkingDir: "/srv",
        StopSignal: "SIGINT",
      },
      ...{ Labels: { a: "1", b: "1" }, Volumes: { "/data": {} }, ExposedPorts: { "80/tcp": {} } },
      Healthcheck: { Test: ["CMD", "/bin/true"], Interval: 1_000_000_000 },
    };
    const base = await tools.stream({ name: "base", contents: [tools.busybox], config });
    const made = await tools.stream({
      ...{
        name: "inheriting",
        tag: "1",
        fromImage: base.file,
        config: { Cmd: ["id -u; pwd"], Labels: { b: "2" } },
      },
    });
    expect(await tools.runMade(made)).toBe("1000\n/srv");
    const inspected = await tools.inspect(made.reference);
    expect(inspected.Config).toMatchObject({ ...config, Cmd: ["id -u; pwd"], Labels: { a: "1", b: "2" } });
  });

  test("onTopOfPulledImage: a name is lower-cased, and an image saved by an engine is a base like others", async () => {
    const below = await tools.build({
      ...{ name: "below", tag: "1", contents: [tools.busybox], config: { Env: ["A=b"] } },
    });
    await tools.load(below.file);
    const saved = tools.folder.join("saved.tar");
    await tools.engine().docker(["save", "--output", saved, "below:1"]);
    for (const fromImage of [saved, below.file]) {
      const made = await tools.build({
        ...{ name: "onTopOfPulledImage", tag: "1", fromImage, contents: [tools.hello] },
        config: { Cmd: ["/bin/sh", "-c", "hello; echo $A"] },
      });
      expect(made.reference).toBe("ontopofpulledimage:1");
      expect(await tools.runMade(made)).toBe("Hello, world!\nb");
    }
  });

  test("an OCI layout is a base too", async () => {
    const below = await tools.stream({ name: "below-oci", tag: "1", contents: [tools.busybox] });
    const layout = tools.folder.join("layout");
    const env = { TMPDIR: tools.folder.path, HOME: tools.folder.path, XDG_RUNTIME_DIR: tools.folder.path };
    const copy = ["--insecure-policy", "copy", "-q", `docker-archive:${below.file}`, `oci:${layout}:1`];
    await mustRun("skopeo", copy, { env });
    const made = await tools.stream({
      ...{
        name: "on-oci",
        tag: "1",
        fromImage: layout,
        contents: [tools.hello],
        config: { Cmd: ["/bin/hello"] },
      },
    });
    expect(await tools.runMade(made)).toBe("Hello, world!");
    expect(await tools.run(made.reference, ["/bin/busybox", "echo", "below"])).toBe("below");
  });

  test("a base's /bin -> usr/bin is not shadowed, nor are the modes of its folders changed", async () => {
    const base = await tools.single({
      ...{ name: "merged-usr", tag: "1", copyToRoot: [tools.busybox] },
      extraCommands:
        "mkdir -p usr/lib tmp; mv bin usr/bin; ln -s usr/bin bin; ln -s /usr/lib lib; chmod 1777 tmp",
    });
    const package_ = await tools.nix.store.addTree("with-folders", (place) => {
      for (const folder of ["bin", "lib", "tmp"]) mkdirSync(`${place}/${folder}`, { recursive: true });
      writeFileSync(`${place}/bin/mine`, "#!/bin/sh\necho mine\n", { mode: 0o755 });
      writeFileSync(`${place}/lib/data`, "");
      writeFileSync(`${place}/tmp/data`, "");
    });
    const script =
      "mine; readlink /bin; readlink /lib; ls -d /usr/bin/mine /usr/bin/ls /usr/lib/data; stat -c %a /tmp";
    const spec = { tag: "1", fromImage: base.file, config: { Cmd: ["/bin/sh", "-c", script] } };
    for (const made of [
      await tools.stream({ ...spec, name: "over-layered", contents: [package_] }),
      await tools.single({ ...spec, name: "over-single", copyToRoot: [package_] }),
    ]) {
      expect(await tools.runMade(made)).toBe(
        "mine\nusr/bin\n/usr/lib\n/usr/bin/ls\n/usr/bin/mine\n/usr/lib/data\n1777",
      );
    }
  });

  test("store paths that the base has are not shipped again", async () => {
    const base = await tools.stream({ name: "has-some", contents: [tools.busybox, tools.hello] });
    const config = { Cmd: [`${tools.hello}/bin/hello`] };
    const script = await tools.nix.store.addTree(
      "uses-both",
      (place) => {
        writeFileSync(place, `#!${tools.busybox}/bin/sh\n${tools.hello}/bin/hello\n`, { mode: 0o755 });
      },
      { references: [tools.busybox, tools.hello] },
    );
    const spec = { tag: "1", fromImage: base.file };
    const below = (await memberNames(base.file)).filter((name) => name.startsWith("/nix/store/"));
    expect(below.length).toBeGreaterThan(10);
    for (const made of [
      await tools.stream({ ...spec, name: "again-none", config, contents: [tools.hello] }),
      await tools.single({
        ...spec,
        name: "again-single",
        config,
        extraCommands: `ln -s ${tools.hello} hello`,
      }),
      await tools.stream({ ...spec, name: "again-script", config: { Cmd: [script] } }),
    ]) {
      expect(await tools.runMade(made)).toBe("Hello, world!");
      const names = (await memberNames(made.file)).map((name) => name.replace(/^\.\//, "/"));
      for (const path of [tools.busybox, tools.hello])
        expect(names.filter((name) => name.replace(/\/$/, "") === path)).toHaveLength(1);
    }
  });

  /** Names in all layers, as they stand there. */
  async function memberNames(archive: string): Promise<string[]> {
    const place = `${archive}.members`;
    mkdirSync(place);
    await mustRun("tar", ["-xf", archive, "-C", place]);
    const [{ Layers }] = JSON.parse(readFileSync(`${place}/manifest.json`, "utf8")) as [{ Layers: string[] }];
    const listed = await Promise.all(
      [...new Set(Layers)].map((layer) => mustRun("tar", ["-tPf", `${place}/${layer}`])),
    );
    return listed.flatMap(({ stdout }) => stdout.toString().split("\n").filter(Boolean));
  }

  test("repeated base layers: a manifest that lists the same tar twice, by a link, builds and runs", async () => {
    const below = await tools.single({ name: "repeated", tag: "1", copyToRoot: [tools.busybox] });
    const archive = await withLayerTwice(below.file, tools.folder.join("repeated"));
    const made = await tools.stream({
      ...{ name: "on-repeated", tag: "1", fromImage: archive, contents: [tools.hello] },
      config: { Cmd: ["/bin/hello"] },
    });
    expect(await tools.runMade(made)).toBe("Hello, world!");
    expect((await tools.inspect(made.reference)).RootFS.Layers).toHaveLength(4);
    expect(await exportedNames(tools, made.file)).toContain("bin/hello");
  });
});
