import { afterAll, beforeAll, expect, test } from "vitest";
import { type DockerTools, dockerTools, enginePrograms, exportedNames } from "../../support/dockerTools.js";
import { describeWith } from "../../support/requirements.js";

const packages = ["bash", "coreutils", "tar", "fakeroot", "util-linux", "sed", "libcap2-bin"];
const installed = { files: { "/usr/bin/fakeroot": { link: "fakeroot-sysv" }, "/bin/sh": { link: "bash" } } };

describeWith([...enginePrograms, "fakeroot", "proot"], "dockerTools: includeStorePaths", () => {
  let tools: DockerTools;
  beforeAll(async () => {
    tools = await dockerTools({ packages });
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
  });

  const hello = { config: { Cmd: ["/bin/hello"] }, tag: "1" };
  /** The host's store, as a container has it. */
  const mount = (): string[] => ["--volume", `${tools.nix.store.realStoreDir}:/nix/store:ro`];

  test("helloOnRoot: the baseline runs", async () => {
    const made = await tools.stream({ ...hello, name: "hello-on-root", contents: [tools.hello] });
    expect(await tools.runMade(made)).toBe("Hello, world!");
    expect(await exportedNames(tools, made.file)).toContain(`${tools.hello.slice(1)}/bin/hello`);
  });

  test("helloOnRootNoStore: without them `docker run` fails, and runs with the host's store mounted read-only", async () => {
    for (const spec of [
      { name: "no-store", contents: [tools.hello] },
      { name: "no-store-config", contents: [tools.hello], config: { Cmd: [`${tools.hello}/bin/hello`] } },
    ]) {
      const made = await tools.build({ ...hello, ...spec, includeStorePaths: false });
      await expect(tools.runMade(made)).rejects.toThrow("no such file");
      expect(await tools.run(made.reference, [], mount())).toBe("Hello, world!");
    }
  });

  test("helloOnRootNoStore, helloOnRootNoStoreFakechroot: not one entry of the image is in nix/store", async () => {
    const fakechroot = {
      ...{ contents: [tools.hello, installed, ...tools.shell], enableFakechroot: true },
      fakeRootCommands: `ls /nix/store > /seen; ln -s ${tools.busybox} /linked`,
    };
    const copied = {
      contents: [tools.hello],
      fakeRootCommands: `ln -s ${tools.busybox} linked`,
      extraCommands: "mkdir -p srv",
    };
    for (const [name, spec] of Object.entries({ fakechroot, copied })) {
      const made = await tools.stream({
        ...hello,
        ...spec,
        name: `no-store-${name}`,
        includeStorePaths: false,
      });
      const names = await exportedNames(tools, made.file);
      expect(names).toContain("linked");
      expect(names.filter((entry) => entry.startsWith("nix/store/"))).toEqual([]);
      await expect(tools.runMade(made)).rejects.toThrow("no such file");
      expect(await tools.run(made.reference, [], mount())).toBe("Hello, world!");
      // What the commands link to is in the host's store too.
      expect(await tools.run(made.reference, ["/linked/bin/busybox", "echo", "linked"], mount())).toBe(
        "linked",
      );
    }
  });

  test("an image of one layer has only its copies", async () => {
    const made = await tools.single({
      ...{ ...hello, name: "no-store-single", copyToRoot: [tools.hello], includeStorePaths: false },
      extraCommands: `ln -s ${tools.busybox} linked`,
    });
    expect(await exportedNames(tools, made.file)).toEqual(["bin", "bin/hello", "linked"]);
    expect(await tools.runMade(made)).toBe("Hello, world!");
  });
});
