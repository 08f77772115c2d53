/**
 * The lines on the Nix database: images in which Nix works. Debian's Nix with all that it needs is a hundred megabytes,
 * so it is this machine's Nix that looks at the unpacked image, with `local?root=`: it opens the same database, with the
 * same store directory, and reads the same files as a Nix in a container would.
 */
import { mkdirSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DockerTools, dockerTools, type Made, storePrograms } from "../../support/dockerTools.js";
import { describeWith } from "../../support/requirements.js";
import { mustRun, run, type RunResult } from "../../support/run.js";

describeWith([...storePrograms, "sqlite3", "umoci", "skopeo"], "dockerTools: the Nix database", () => {
  let tools: DockerTools;
  let app: string;
  let configured: string;
  beforeAll(async () => {
    tools = await dockerTools({ engine: "none" });
    mkdirSync(tools.folder.join("conf"));
    writeFileSync(tools.folder.join("conf/nix.conf"), "build-users-group =\n");
    app = await tools.nix.store.addTree(
      "nix-app",
      (place) => {
        mkdirSync(`${place}/bin`, { recursive: true });
        writeFileSync(`${place}/bin/app`, `#!${tools.busybox}/bin/sh\nexec ${tools.hello}/bin/hello\n`, {
          mode: 0o755,
        });
      },
      { references: [tools.busybox, tools.hello] },
    );
    configured = await tools.nix.store.addTextFile("configured", "named by the configuration alone\n");
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
  });

  /** As umoci unpacks it for a container. */
  async function unpacked(made: Made): Promise<string> {
    const layout = `${made.file}.layout:image`;
    const bundle = `${made.file}.bundle`;
    const env = { TMPDIR: tools.folder.path, HOME: tools.folder.path, XDG_RUNTIME_DIR: tools.folder.path };
    const copy = ["--insecure-policy", "copy", "-q", `docker-archive:${made.file}`, `oci:${layout}`];
    await mustRun("skopeo", copy, { env });
    await mustRun("umoci", ["unpack", "--image", layout, bundle], { env });
    return `${bundle}/rootfs`;
  }

  const nixIn = (root: string, args: readonly string[]): Promise<RunResult> =>
    run("nix-store", ["--store", `local?root=${root}`, ...args], {
      env: {
        NIX_STORE_DIR: undefined,
        NIX_STATE_DIR: undefined,
        NIX_CONF_DIR: tools.folder.join("conf"),
        NIX_REMOTE: undefined,
      },
    });
  const linesOf = ({ code, stdout, stderr }: RunResult): string[] => {
    expect([code, stderr]).toEqual([0, ""]);
    return stdout.toString().trim().split("\n");
  };

  test.each(["nix", "nixLayered", "nix-layered"])(
    "%s: nix-store -qR knows the closure, and --verify --check-contents passes",
    async (name) => {
      const spec = {
        name,
        tag: "1",
        includeNixDB: true,
        compressor: "none" as const,
        config: { Cmd: ["/bin/app"], Env: [`X=${configured}`] },
      };
      const makes: Record<string, () => Promise<Made>> = {
        nix: () => tools.single({ ...spec, copyToRoot: [app] }),
        nixLayered: () => tools.build({ ...spec, contents: [app] }),
        "nix-layered": () => tools.stream({ ...spec, contents: [app] }),
      };
      const root = await unpacked(await makes[name]!());
      const closure = linesOf(await nixIn(root, ["--query", "--requisites", app]));
      expect(closure.toSorted()).toEqual([app, tools.busybox, tools.hello].toSorted());
      const references = linesOf(await nixIn(root, ["--query", "--references", app]));
      expect(references.toSorted()).toEqual([tools.busybox, tools.hello].toSorted());
      expect((await nixIn(root, ["--verify", "--check-contents"])).code).toBe(0);
      // It is there for the collector to keep: what contents are, and what these need.
      const gcroots = `${root}/nix/var/nix/gcroots/docker`;
      expect(readdirSync(gcroots).map((link) => readlinkSync(`${gcroots}/${link}`))).toEqual([app]);
      // dockerTools registers only what contents need; here everything that is in the image is known.
      expect((await nixIn(root, ["--query", "--hash", configured])).code).toBe(0);
      // A file that is not what the database says is found.
      rmSync(`${root}${tools.hello}/bin/hello`);
      expect((await nixIn(root, ["--verify", "--check-contents"])).code).not.toBe(0);
    },
  );

  test("filesInStore: a store path that is a file passes --verify --check-contents", async () => {
    const data = await tools.nix.store.addTextFile("data-in-store", "some data\n");
    const holder = await tools.nix.store.addTree(
      "holder",
      (place) => {
        mkdirSync(place);
        writeFileSync(`${place}/where`, data);
      },
      { references: [data] },
    );
    const made = await tools.build({
      name: "files-in-store",
      compressor: "none",
      includeNixDB: true,
      contents: [holder, data],
    });
    const root = await unpacked(made);
    expect(linesOf(await nixIn(root, ["--query", "--requisites", holder])).toSorted()).toEqual(
      [data, holder].toSorted(),
    );
    expect((await nixIn(root, ["--verify", "--check-contents"])).code).toBe(0);
  });

  test("the same image twice is the same bytes, and its database has the time that the image's files have", async () => {
    const spec = { name: "twice", tag: "1", includeNixDB: true, contents: [app] };
    const [one, two] = [await tools.stream(spec), await tools.stream(spec)];
    await mustRun("cmp", [one.file, two.file]);
    const root = await unpacked(one);
    const query = "select distinct registrationTime from ValidPaths";
    const times = await mustRun("sqlite3", [`${root}/nix/var/nix/db/db.sqlite`, query]);
    expect(times.stdout.toString()).toBe("1\n");
  });
});
