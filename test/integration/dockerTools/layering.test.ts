import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  addHello,
  type DockerTools,
  dockerTools,
  enginePrograms,
  exportedNames,
} from "../../support/dockerTools.js";
import { describeWith } from "../../support/requirements.js";

describeWith(enginePrograms, "dockerTools: layers", () => {
  let tools: DockerTools;
  beforeAll(async () => {
    tools = await dockerTools();
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
  });

  const layersOf = async (reference: string): Promise<readonly string[]> =>
    (await tools.inspect(reference)).RootFS.Layers;

  test("layered-image runs, and has the file of its extraCommands", async () => {
    const made = await tools.build({
      ...{ name: "layered-image", tag: "latest", maxLayers: 10, contents: [tools.hello, ...tools.shell] },
      extraCommands: "echo layered > extraCommands; mkdir -p tmp; chmod 1777 tmp",
      config: { Cmd: ["/bin/hello"] },
    });
    expect(await tools.runMade(made)).toBe("Hello, world!");
    const script = "cat /extraCommands; stat -c %a /tmp";
    expect(await tools.run(made.reference, ["/bin/bash", "-c", script])).toBe("layered\n1777");
  });

  test("layered-image and another-layered-image share layers", async () => {
    const other = await addHello(tools.nix, "hello-other");
    const [one, another] = [
      await tools.stream({ name: "layered-image", contents: [tools.hello, ...tools.shell] }),
      await tools.stream({ name: "another-layered-image", contents: [other, ...tools.shell] }),
    ];
    for (const made of [one, another])
      expect(await tools.runMade(made, ["/bin/hello"])).toBe("Hello, world!");
    const [mine, theirs] = [await layersOf(one.reference), new Set(await layersOf(another.reference))];
    const shared = mine.filter((layer) => theirs.has(layer));
    // All but the program itself, and the root's links to it.
    expect(mine.filter((layer) => !theirs.has(layer))).toHaveLength(2);
    expect(shared.length).toBeGreaterThan(5);
  });

  test("layered-on-top and layered-on-top-layered run", async () => {
    const base = await tools.build({
      ...{ name: "layered-image", tag: "base", contents: [tools.hello, tools.busybox] },
      extraCommands: "echo layered > extraCommands",
    });
    const spec = {
      ...{ tag: "1", fromImage: base.file, config: { Cmd: ["/bin/sh", "-c", "/bin/hello; cat /ex* /mine"] } },
      extraCommands: "echo mine > mine",
    };
    const onTop = await tools.single({ ...spec, name: "layered-on-top" });
    const layered = await tools.stream({ ...spec, name: "layered-on-top-layered" });
    for (const made of [onTop, layered])
      expect(await tools.runMade(made)).toBe("Hello, world!\nlayered\nmine");
    expect((await layersOf(onTop.reference)).length).toBe((await baseLayers(base.file)) + 1);
  });

  const baseLayers = async (file: string): Promise<number> =>
    layersOf((await tools.load(file))[0]!).then((layers) => layers.length);

  test("layersOrder: of three stacked images each has the files of all below it", async () => {
    let below: string | null = null;
    let reference = "";
    for (const number of [1, 2, 3]) {
      const made = await tools.single({
        ...{ name: `layers-order-${String(number)}`, tag: "1", fromImage: below },
        copyToRoot: number === 1 ? [tools.busybox] : [],
        extraCommands: `mkdir -p tmp; echo layer${String(number)} > tmp/layer${String(number)}; echo ${String(number)} > tmp/last`,
      });
      ({ file: below, reference } = made);
    }
    await tools.load(below!);
    const script = "for i in 1 2 3; do cat /tmp/layer$i; done; cat /tmp/last";
    expect(await tools.run(reference, ["/bin/sh", "-c", script])).toBe("layer1\nlayer2\nlayer3\n3");
  });

  test("two-layered-image loads with two layers", async () => {
    const made = await tools.stream({
      ...{ name: "two-layered-image", tag: "1", maxLayers: 2, contents: [tools.hello, ...tools.shell] },
      config: { Cmd: ["/bin/hello"] },
    });
    expect(await tools.runMade(made)).toBe("Hello, world!");
    expect(await layersOf(made.reference)).toHaveLength(2);
  });

  test("bulk-layer has /bin/hello and ls", async () => {
    const made = await tools.build({
      ...{ name: "bulk-layer", tag: "1", maxLayers: 2, contents: [...tools.shell, tools.hello] },
    });
    const script = "ls /bin/hello /bin/ls; hello";
    expect(await tools.runMade(made, ["/bin/bash", "-c", script])).toBe("/bin/hello\n/bin/ls\nHello, world!");
    expect(await layersOf(made.reference)).toHaveLength(2);
  });

  test("layered-bulk-layer runs and has exactly 4 layers", async () => {
    const base = await tools.stream({ name: "two-layered-image", maxLayers: 2, contents: [tools.hello] });
    const made = await tools.build({
      ...{ name: "layered-bulk-layer", tag: "1", fromImage: base.file, maxLayers: 4 },
      contents: [...tools.shell, tools.hello],
    });
    expect(await tools.runMade(made, ["/bin/bash", "-c", "ls /bin/hello; hello"])).toBe(
      "/bin/hello\nHello, world!",
    );
    expect(await layersOf(made.reference)).toHaveLength(4);
  });

  test("layers of the base and of the root that leave none for store paths are an error that counts them", async () => {
    const base = await tools.stream({ name: "two-layered-image", maxLayers: 2, contents: [tools.hello] });
    const spec = { name: "none-left", fromImage: base.file, maxLayers: 3, contents: [tools.busybox] };
    await expect(tools.stream(spec)).rejects.toMatchObject({ code: "ERR_LAYER_BUDGET" });
  });

  test("no-store-paths: only the self-referential busybox is in /nix/store", async () => {
    const self = tools.nix.store.pathFor("busybox-self");
    const busybox = await tools.nix.store.addTree(
      "busybox-self",
      (place) => {
        mkdirSync(`${place}/bin`, { recursive: true });
        symlinkSync(`${tools.busybox}/bin/busybox`, `${place}/bin/unused`);
        writeFileSync(`${place}/bin/where`, `#!/bin/sh\necho ${self}\n`, { mode: 0o755 });
      },
      { references: [self] },
    );
    const real = (path: string): string => tools.nix.store.realPath(path);
    const made = await tools.build({
      ...{ name: "no-store-paths", tag: "1" },
      extraCommands: [
        "mkdir -p bin; cp /bin/busybox bin/busybox; for i in sh ls; do ln -s busybox bin/$i; done",
        `cp ${real(busybox)}/bin/where bin/where`,
        // Needed to build it, and not to run it.
        `${real(tools.hello)}/bin/hello > greeting`,
      ].join("\n"),
    });
    expect(await tools.runMade(made, ["/bin/sh", "-c", "ls /nix/store"])).toBe(self.slice(11));
    expect(await tools.run(made.reference, ["/bin/where"])).toBe(self);
  });

  test("filesInStore: a store path that is a file prints its data", async () => {
    const data = await tools.nix.store.addTextFile("data", "some data\n");
    const script = await tools.nix.store.addTree(
      "script",
      (place) => {
        writeFileSync(place, `#!/bin/sh\nexec cat ${data}\n`, { mode: 0o755 });
      },
      { references: [data] },
    );
    for (const make of [tools.stream, tools.single]) {
      const made = await make({
        ...{ name: "file-in-store", tag: "1", copyToRoot: [tools.busybox] },
        config: { Cmd: [script] },
      });
      expect(await tools.runMade(made)).toBe("some data");
    }
  });

  test("layeredStoreSymlink: a store path that is a link is one in the image", async () => {
    const target = await tools.nix.store.addTextFile("target", "the target\n");
    const link = await tools.nix.store.addTree(
      "link",
      (place) => {
        symlinkSync(target, place);
      },
      { references: [target] },
    );
    const made = await tools.stream({
      ...{ name: "store-symlink", tag: "1", contents: [tools.busybox] },
      config: { Cmd: ["/bin/sh", "-c", `readlink ${link}; cat ${link}`] },
    });
    expect(await tools.runMade(made)).toBe(`${target}\nthe target`);
    // As contents it leads to a file, which has no place in the root; it is in the image all the same.
    const contents = await tools.stream({ name: "store-symlink", tag: "2", contents: [tools.busybox, link] });
    expect(await tools.runMade(contents, ["/bin/cat", link])).toBe("the target");
  });

  test("nix-daemon symlink is intact: a link in a package stays a link in buildImage and layered", async () => {
    const package_ = await tools.nix.store.addTree("nix-2.0", (place) => {
      mkdirSync(`${place}/bin`, { recursive: true });
      writeFileSync(`${place}/bin/nix`, "#!/bin/sh\necho nix\n", { mode: 0o755 });
      symlinkSync("nix", `${place}/bin/nix-daemon`);
    });
    const spec = { tag: "1", config: { Cmd: ["/bin/readlink", `${package_}/bin/nix-daemon`] } };
    for (const made of [
      await tools.single({ ...spec, name: "link-single", copyToRoot: [tools.busybox, package_] }),
      await tools.stream({ ...spec, name: "link-layered", contents: [tools.busybox, package_] }),
    ]) {
      expect(await tools.runMade(made)).toBe("nix");
      expect(await tools.run(made.reference, ["/bin/nix-daemon"])).toBe("nix");
    }
  });

  test("(layered) /nix and /nix/store have mode 755, and start as a non-root user works", async () => {
    const made = await tools.stream({
      ...{ name: "non-root", tag: "1", maxLayers: 3, contents: tools.shell, config: { User: "1000:1000" } },
    });
    const script = "id -u; stat -c %a /nix /nix/store";
    expect(await tools.runMade(made, ["/bin/bash", "-c", script])).toBe("1000\n755\n755");
  });

  test("docker-tools-overlay: on the driver overlay an image runs as root and as 1000:1000", async () => {
    const made = await tools.stream({ name: "overlay", tag: "1", contents: [tools.busybox, tools.hello] });
    await tools.load(made.file);
    const info = await tools.engine().docker(["info", "--format", "{{.Driver}}"]);
    expect(info.stdout.toString().trim()).toBe("overlay2");
    for (const user of ["0:0", "1000:1000"]) {
      const script = `hello; ls ${tools.hello}; id -u`;
      const said = await tools.run(made.reference, ["/bin/sh", "-c", script], ["--user", user]);
      expect(said).toBe(`Hello, world!\nbin\n${user.split(":")[0]!}`);
    }
  });

  test("editors: several packages are one root", async () => {
    const made = await tools.single({
      ...{ name: "editors", tag: "1", copyToRoot: [tools.busybox, ...tools.shell, tools.hello] },
    });
    const script = "hello; sha256sum --version | head -n 1; vi --help 2>&1 | head -n 1";
    const said = await tools.runMade(made, ["/bin/bash", "-c", script]);
    expect(said).toMatch(/^Hello, world!\nsha256sum \(GNU coreutils\) .*\nBusyBox/);
    // Copies need what they refer to, but not what they were copied from.
    const names = await exportedNames(tools, made.file);
    expect(names).toContain("bin/bash");
    expect(names.filter((name) => name.startsWith(tools.hello.slice(1)))).toEqual([]);
  });
});
