import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  formatMounts,
  MOUNT_FORMATS,
  type MountFormat,
  type MountPlan,
  mountPlan,
  NixStore,
} from "../../dist/index.js";
import { failureOf } from "../support/failure.js";
import { CONSUMERS, MountConsumers } from "../support/mountConsumers.js";
import { type ReadMount, READERS } from "../support/mountReaders.js";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

/** A folder's name with all that has a meaning to one format or another. */
const ODD = String.raw`odd, a: %n $HOME ${"${HOME}"} "q" 's' \b \\ =?#;`;

interface Paths {
  readonly busybox: string;
  readonly folder: string;
  readonly file: string;
  readonly link: string;
  readonly out: string;
  /** Not in the closure. */
  readonly other: string;
  readonly top: string;
}

describeWith(
  ["nix-daemon", "nix-store", "linux"],
  "mounts of a chroot store in a folder of an odd name",
  () => {
    let daemon: Daemon;
    let store: NixStore;
    let folder: TemporaryFolder;
    let consumers: MountConsumers;
    let paths: Paths;
    let plan: MountPlan;
    beforeAll(async () => {
      folder = await temporaryFolder("formats");
      daemon = await startNixStore({ storeDir: "/nix/store" });
      symlinkSync(daemon.realStoreDir, folder.join(ODD));
      store = new NixStore(`${daemon.uri}?real=${encodeURIComponent(folder.join(ODD))}`);
      consumers = await MountConsumers.start();
      paths = await addPaths(daemon);
      plan = await mountPlan(paths.top, { store });
    });
    afterAll(async () => {
      await consumers[Symbol.asyncDispose]();
      await store.close();
      await daemon[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    /** What a consumer without links has. */
    const mounted = (): ReadMount[] =>
      [...plan.mounts, ...plan.links.flatMap(({ mount }) => mount ?? [])].map(({ source, target }) => ({
        ...{ source, target },
      }));

    for (const [name, consumer] of Object.entries(CONSUMERS)) {
      testWith(consumer.needs, `run in ${name}`, async () => {
        const { busybox, folder, file, link, out } = paths;
        const command = ["sh", "-c", script(paths)];
        const output = await consumer.run(consumers)(plan, [`${busybox}/bin/busybox`, ...command]);
        const makesLinks = consumer.format === "bwrap";
        const names = [busybox, folder, file, link, paths.top, ...(makesLinks ? [out] : [])];
        expect(output.split("\n").slice(0, -1)).toEqual([
          ...["the folder", "the file", "the folder"],
          ...(makesLinks ? [folder, "/nowhere"] : ["no link", "no link"]),
          ...["cannot be written", "cannot be made", "cannot be written"],
          ...names.map((path) => path.slice("/nix/store/".length)).sort(),
        ]);
      });
    }

    for (const [name, reader] of Object.entries(READERS)) {
      testWith(reader.needs, `read by ${name}`, async () => {
        await using place = await temporaryFolder("reader");
        const read = await reader.read(formatMounts(plan, reader.format), place.path);
        expect(read.toSorted(byTarget)).toEqual(mounted().toSorted(byTarget));
      });
    }

    test("tell of links that lead out where they cannot be made", () => {
      for (const format of MOUNT_FORMATS) {
        const warnings: string[] = [];
        formatMounts(plan, format, {
          onProgress: (event) => {
            if (event.type === "warning") warnings.push(event.message);
          },
        });
        const told = format === "bwrap" || format === "json" ? [] : [expect.stringContaining(paths.out)];
        expect([format, warnings]).toEqual([format, told]);
      }
    });

    test("are the plan itself in JSON", () => {
      expect(JSON.parse(formatMounts(plan, "json"))).toEqual(plan);
    });
  },
);

const byTarget = (one: ReadMount, other: ReadMount): number => (one.target < other.target ? -1 : 1);

async function addPaths(daemon: Daemon): Promise<Paths> {
  const busybox = await daemon.addTree("busybox", (place) => {
    mkdirSync(`${place}/bin`, { recursive: true });
    copyFileSync("/bin/busybox", `${place}/bin/busybox`);
  });
  const folder = await daemon.addTree("folder", (place) => {
    mkdirSync(place);
    writeFileSync(`${place}/says`, "the folder\n");
  });
  const file = await daemon.addTextFile("file", "the file\n");
  const linkTo = (name: string, text: string, references: readonly string[]): Promise<string> =>
    daemon.addTree(
      name,
      (place) => {
        symlinkSync(text, place);
      },
      { references },
    );
  const link = await linkTo("link", folder, [folder]);
  const out = await linkTo("out", "/nowhere", []);
  const other = await daemon.addTextFile("other", "other");
  const top = await daemon.addTextFile("top", "top", [busybox, folder, file, link, out]);
  return { busybox, folder, file, link, out, other, top };
}

/** Prints a line for each thing that is looked at, then what the store has. */
function script({ busybox, folder, file, link, out }: Paths): string {
  const lines = [
    `cat ${folder}/says ${file} ${link}/says`,
    `readlink ${link} || echo no link`,
    `readlink ${out} || echo no link`,
    `touch ${folder}/new 2>/dev/null || echo cannot be written`,
    `mkdir ${folder}/new 2>/dev/null || echo cannot be made`,
    `{ echo >${file}; } 2>/dev/null || echo cannot be written`,
    `ls /nix/store`,
  ];
  return `PATH=/b; for c in cat readlink touch mkdir ls; do eval "$c() { ${busybox}/bin/busybox $c \\"\\$@\\"; }"; done; ${lines.join("; ")}`;
}

describe("mounts of a plan that someone has made", () => {
  const target = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-x";
  const plan = (...sources: readonly string[]): MountPlan => ({
    storeDir: "/nix/store",
    mounts: sources.map((source, i) => ({ source, target: `${target}${String(i)}`, kind: "folder" })),
    ...{ links: [], places: [], roots: [], narSize: 0 },
  });
  const failure = (made: unknown, format: MountFormat = "docker", options?: object) =>
    failureOf(Promise.resolve().then(() => formatMounts(made as MountPlan, format, options)));

  test("have absolute paths", async () => {
    const [mount] = plan("/x").mounts;
    const wrong: readonly (readonly [object | undefined, string])[] = [
      [undefined, "plan"],
      [{}, "plan.storeDir"],
      [{ ...plan(), storeDir: "store" }, "plan.storeDir"],
      [{ ...plan(), mounts: {} }, "plan.mounts"],
      [{ ...plan(), mounts: [undefined] }, "plan.mounts[0]"],
      [plan("/x", "x"), "plan.mounts[1].source"],
      [plan("/x\0"), "plan.mounts[0].source"],
      [{ ...plan(), mounts: [{ ...mount, target: "x" }] }, "plan.mounts[0].target"],
      [{ ...plan(), links: [{}] }, "plan.links[0].path"],
      [{ ...plan(), links: [{ path: target }] }, "plan.links[0].text"],
      [{ ...plan(), links: [{ path: target, text: "" }] }, "plan.links[0].text"],
      [
        { ...plan(), links: [{ path: target, text: "x", mount: { ...mount, source: "x" } }] },
        "plan.links[0].mount.source",
      ],
    ];
    for (const [made, argument] of wrong)
      expect(await failure(made)).toMatchObject({ code: "ERR_ARGUMENT", details: { argument } });
  });

  test("are in a format that there is, with options that fit", async () => {
    expect(await failure(plan(), "lxc" as never)).toMatchObject({ code: "ERR_ARGUMENT" });
    for (const options of [{ farm: "farm" }, { wholeStore: 1 }, { service: 1 }, { onProgress: 1 }])
      expect(await failure(plan(), "docker", options)).toMatchObject({ code: "ERR_ARGUMENT" });
  });

  test("may have line breaks in their paths, unless lines are what is written", async () => {
    const broken = ["/a\nb", "/a\rb"];
    for (const format of ["docker", "podman", "quadlet", "systemd", "nspawn"] as const)
      for (const path of broken)
        expect(await failure(plan("/x", path), format)).toMatchObject({
          ...{ code: "ERR_MOUNT", details: { path } },
          hint: expect.stringContaining("oci") as unknown,
        });
    for (const format of ["engine-api", "oci", "json"] as const)
      expect(formatMounts(plan(...broken), format)).toContain(JSON.stringify(broken[0]));
    expect(formatMounts(plan(...broken), "bwrap").split("\0")).toEqual(expect.arrayContaining(broken));
  });
});

describeWith(["dockerd", "bwrap", "runc", "mountReaders"], "line breaks in a path", () => {
  test("are understood", async () => {
    await using place = await temporaryFolder("breaks");
    await using consumers = await MountConsumers.start();
    const source = place.join("two\nlines");
    mkdirSync(source);
    writeFileSync(`${source}/says`, "both\n");
    const target = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-x";
    const plan: MountPlan = {
      storeDir: "/nix/store",
      mounts: [{ source, target, kind: "folder" }],
      ...{ links: [], places: [], roots: [], narSize: 0 },
    };
    const command = ["/bin/busybox", "cat", `${target}/says`];
    for (const run of [consumers.engineApi, consumers.devContainer, consumers.runc, consumers.bwrap])
      expect(await run(plan, command)).toBe("both\n");
    const read = await READERS["Docker Compose"]?.read(formatMounts(plan, "compose"), place.path);
    expect(read).toEqual([{ source, target }]);
  });
});
