import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  addHello,
  type DockerTools,
  dockerTools,
  enginePrograms,
  exportedNames,
  type Made,
} from "../../support/dockerTools.js";
import { failureOf } from "../../support/failure.js";
import { withLayerTwice } from "../../support/layerTwice.js";
import { describeWith } from "../../support/requirements.js";
import { laminix } from "../../support/run.js";
import { vmKernelPath } from "../../support/vm.js";

describeWith([...enginePrograms, "vm"], "dockerTools: runAsRoot", () => {
  let tools: DockerTools;
  let bash: Made;
  beforeAll(async () => {
    tools = await dockerTools();
    bash = await tools.single({
      ...{ name: "bash", tag: "1", copyToRoot: [tools.busybox] },
      extraCommands:
        "mkdir -p etc/old/deep; echo base > etc/old/deep/file; echo base > etc/gone; ln -s bin usrbin",
    });
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
  });

  const sh = (script: string): string[] => ["/bin/sh", "-c", script];

  test("redis: a script over a base image makes accounts and folders, beside Healthcheck and Volumes", async () => {
    const made = await tools.single({
      ...{ name: "redis", tag: "1", fromImage: bash.file, copyToRoot: [tools.hello] },
      runAsRoot: `
        #!/bin/sh
        echo 'redis:x:999:999::/data:/bin/sh' >> /etc/passwd
        echo 'redis:x:999:' >> /etc/group
        mkdir -p /data
        chown redis:redis /data
      `
        .replaceAll(/^ {8}/gm, "")
        .trimStart(),
      config: {
        Cmd: ["/bin/hello"],
        WorkingDir: "/data",
        Volumes: { "/data": {} },
        Healthcheck: { Test: ["CMD-SHELL", "/bin/hello"], Interval: 30_000_000_000 },
      },
    });
    expect(await tools.runMade(made)).toBe("Hello, world!");
    expect(await tools.run(made.reference, sh("stat -c '%U:%G %u' /data; pwd"))).toBe(
      "redis:redis 999\n/data",
    );
    expect((await tools.inspect(made.reference)).Config.Healthcheck).toMatchObject({
      Test: ["CMD-SHELL", "/bin/hello"],
    });
    // What the machine has for the script is not in the image.
    const names = await exportedNames(tools, made.file);
    expect(names.filter((name) => /^(?:dev|proc|sys|tmp)$/.test(name))).toEqual([]);
  });

  test("runAsRootExtraCommands: the files of both are there, whatever quotes there are in them, and owners stay", async () => {
    const made = await tools.single({
      ...{ name: "run-as-root-extra-commands", tag: "1", copyToRoot: [tools.busybox] },
      runAsRoot: `(echo "it's" > /runAsRoot); chown 12:34 /runAsRoot; ln /runAsRoot /again; mknod /null c 1 3`,
      extraCommands: `(echo 'say "hi"' > extraCommands); chmod 600 runAsRoot`,
    });
    const script =
      "cat /runAsRoot /extraCommands; stat -c '%u:%g %a' /runAsRoot /again /extraCommands; stat -c %F /null";
    expect(await tools.runMade(made, sh(script))).toBe(
      `it's\nsay "hi"\n12:34 600\n12:34 644\n0:0 644\ncharacter special file`,
    );
  });

  test("runAsRootParentImage, layersUnpackOrder: each script sees what those below have made", async () => {
    const on = (letter: string, fromImage: string, isolation: "machine" | "namespace"): Promise<Made> =>
      tools.single(
        {
          ...{ name: `layers-unpack-order-${letter}`, tag: "1", fromImage },
          runAsRoot: `printf ${letter} >> /layer-order`,
        },
        { isolation },
      );
    const a = await on("a", bash.file, "namespace");
    const b = await on("b", a.file, "machine");
    const c = await on("c", b.file, "namespace");
    expect(await tools.runMade(c, sh("cat /layer-order"))).toBe("abc");
  });

  test("repeated base layers: a base that lists a layer twice is one to run over", async () => {
    const archive = await withLayerTwice(bash.file, tools.folder.join("repeated-root"));
    const made = await tools.single({
      ...{ name: "on-repeated-root", tag: "1", fromImage: archive },
      runAsRoot: "cat /etc/old/deep/file > /seen",
    });
    expect(await tools.runMade(made, sh("cat /seen"))).toBe("base");
    expect((await tools.inspect(made.reference)).RootFS.Layers).toHaveLength(3);
  });

  const changing = `
    id -u; pwd
    rm /etc/gone; rm -r /etc/old; mkdir /etc/old; echo new > /etc/old/new
    mkdir -p /data/sub; echo one > /data/one; ln /data/one /data/sub/two; chown -R 1000:100 /data; chmod 4750 /data/one
    ln -s nowhere /data/link; mknod /data/null c 1 3; mkfifo /data/pipe
    head -c 3000000 /dev/zero > /data/large
    mkdir "/data/$(printf 'a long name %.0s' 1 2 3 4 5 6 7 8 9 10)"
    rm /usrbin; mkdir /usrbin
  `;

  test("a machine and namespaces make the same layer, and so does the same script run again", async () => {
    const spec = { name: "changing", fromImage: bash.file, copyToRoot: [tools.hello], runAsRoot: changing };
    const made = [
      await tools.single(spec),
      await tools.single(spec, { isolation: "namespace" }),
      await tools.single(spec, { isolation: "namespace" }),
    ];
    const layers = await Promise.all(
      made.map(async (each) => {
        await tools.load(each.file);
        return (await tools.inspect(each.reference)).RootFS.Layers;
      }),
    );
    expect(new Set(layers.map((each) => each.at(-1))).size).toBe(1);
    // A tag that nobody gave is made from what is in the image.
    expect(new Set(made.map((each) => each.reference)).size).toBe(1);
    const script =
      "ls -A /etc/old /usrbin; test ! -e /etc/gone; stat -c '%n %u:%g %a %h %F' /data/* | sort; cat /data/sub/two; stat -c %Y /data/one";
    const said = await tools.run(made[0]!.reference, sh(script));
    expect(said).toContain("/data/one 1000:100 4750 2 regular file");
    expect(said).toContain("/data/null 0:0 644 1 character special file");
    expect(said).toMatch(/^\/etc\/old:\nnew\n\n\/usrbin:\n/);
    expect(said.endsWith("one\n1")).toBe(true);
  });

  test("store paths that the script names are there while it runs; those that what it leaves names are in the image", async () => {
    const [tool, kept] = [await addHello(tools.nix, "hello-tool"), await addHello(tools.nix, "hello-kept")];
    const spec = {
      ...{ name: "names", tag: "1", copyToRoot: [tools.busybox] },
      runAsRoot: `${tool}/bin/hello > /said; ln -s ${kept}/bin/hello /kept; ls -A /nix/store > /seen; ! touch /nix/store/x`,
    };
    const modes = [await tools.single(spec), await tools.single(spec, { isolation: "namespace" })];
    for (const made of modes) {
      const said = await tools.runMade(made, sh("cat /said; /kept; ls /nix/store; cat /seen"));
      const name = (path: string): string => path.slice("/nix/store/".length);
      expect(said.split("\n")).toEqual([
        "Hello, world!",
        "Hello, world!",
        name(kept),
        ...[tool, kept].map(name).sort(),
      ]);
    }
  });

  test("build-image runs a script from the command line, and shows what it prints", async () => {
    const spec = tools.folder.join("line.json");
    writeFileSync(
      spec,
      JSON.stringify({ name: "line", copyToRoot: [tools.busybox], runAsRoot: "echo from the script" }),
    );
    const output = tools.folder.join("line.tar");
    const args = ["build-image", "--store", tools.nix.url, "-o", output, spec];
    // Whether the processor helps is tried out.
    const { stderr, code } = await laminix(args, {
      env: { LAMINIX_VM_KERNEL: vmKernelPath() },
      timeout: 100_000,
    });
    expect(stderr).toContain("runAsRoot> from the script");
    expect(code).toBe(0);
  });

  test("fakeRootCommands beside runAsRoot are refused", async () => {
    const spec = { name: "both", runAsRoot: "true", fakeRootCommands: "true" };
    expect(await failureOf(tools.single(spec))).toMatchObject({
      code: "ERR_SPEC",
      details: { key: "runAsRoot" },
    });
  });
});
