import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  assembleFarm,
  formatMounts,
  MOUNT_FORMATS,
  type MountFormat,
  type MountPlan,
  mountPlan,
  NixStore,
} from "../../dist/index.js";
import { debianClosure, largePackages } from "../support/debianStore.js";
import { failureOf } from "../support/failure.js";
import { CONSUMERS, linesOf, MountConsumers } from "../support/mountConsumers.js";
import { quadletFlags, READERS } from "../support/mountReaders.js";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { removeTree, temporaryFolder } from "../support/temporary.js";

const needed = ["nix-daemon", "nix-store", "apt-get", "dpkg-deb", "linux"];

describeWith(needed, "the closure of 309 Debian packages", () => {
  let daemon: Daemon;
  let consumers: MountConsumers;
  let plan: MountPlan;
  /** What each path has in it. */
  let content: string[];
  /** A file of it, and its checksum. */
  let file: string;
  let sum: string;
  beforeAll(async () => {
    const packages = await debianClosure(largePackages);
    daemon = await startNixStore({ at: packages.root });
    await using store = new NixStore(daemon.uri);
    plan = await mountPlan(packages.roots, { store });
    content = plan.mounts
      .flatMap(({ source, target }) => [target, ...readdirSync(source).map((name) => `${target}/${name}`)])
      .sort();
    file = fileIn(packages.roots[0] ?? "");
    sum = (await mustRun("sha256sum", [file])).stdout.toString();
    consumers = await MountConsumers.start();
  });
  afterAll(async () => {
    await consumers[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });

  const shell = (script: string): string[] => ["/bin/busybox", "sh", "-c", script];
  const box = "/bin/busybox";
  /** Writes into every store path; says what it could. */
  const writing = (): string =>
    `for path in ${plan.storeDir}/*; do ${box} touch $path/new 2>/dev/null && echo written; done; true`;

  test("has only folders", () => {
    expect(plan.mounts).toHaveLength(309);
    expect(plan.mounts.every(({ kind }) => kind === "folder")).toBe(true);
  });

  for (const [name, { needs, run }] of Object.entries(CONSUMERS)) {
    testWith(needs, `can be read in ${name}, not written, and nothing else is there`, async () => {
      const list = `${box} find ${plan.storeDir} -mindepth 1 -maxdepth 2`;
      const output = await run(consumers)(plan, shell(`${writing()}; ${box} sha256sum ${file}; ${list}`));
      const [first, ...rest] = linesOf(output);
      expect(`${String(first)}\n`).toBe(sum);
      expect(rest.sort()).toEqual(content);
    });

    // Docker mounts one folder by whatever words.
    if (needs.includes("dockerd") && name !== "docker") continue;
    testWith(needs, `can be read in ${name} from the whole store`, async () => {
      const script = `${box} touch ${file}.new ${plan.storeDir}/new 2>/dev/null && echo written; ${box} sha256sum ${file}`;
      expect(await run(consumers)(plan, shell(script), { wholeStore: true })).toBe(sum);
    });
  }

  for (const [name, { needs, format, read }] of Object.entries(READERS)) {
    testWith(needs, `is read by ${name}`, async () => {
      await using folder = await temporaryFolder("reader");
      const targets = (await read(formatMounts(plan, format), folder.path)).map(({ target }) => target);
      expect(targets.sort()).toEqual(plan.mounts.map(({ target }) => target).sort());
      await using other = await temporaryFolder("reader");
      const whole = await read(formatMounts(plan, format, { wholeStore: true }), other.path);
      expect(whole).toEqual([{ source: plan.storeDir, target: plan.storeDir }]);
    });
  }

  testWith(["root"], "is mounted once, from a farm", async () => {
    await using folder = await temporaryFolder("farm");
    const farm = await assembleFarm(plan, folder.join("farm"));
    try {
      const list = `${box} find ${plan.storeDir} -mindepth 1 -maxdepth 2`;
      for (const [name, { needs, run }] of Object.entries(CONSUMERS)) {
        if (needs.includes("dockerd") && name !== "docker") continue;
        const script = `${box} touch ${plan.storeDir}/new 2>/dev/null && echo written; ${writing()}; ${box} sha256sum ${file}; ${list}`;
        const [first, ...rest] = linesOf(await run(consumers)(plan, shell(script), { farm }));
        expect([name, `${String(first)}\n`]).toEqual([name, sum]);
        expect(rest.sort()).toEqual(content);
      }
    } finally {
      await mustRun("umount", ["--lazy", farm]);
    }
    expect(readdirSync(farm)).toEqual([]);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(farm);
  });
});

function fileIn(folder: string): string {
  const entry = readdirSync(folder, { recursive: true, withFileTypes: true }).find((each) => each.isFile());
  if (!entry) throw new Error(`there is no file in ${folder}`);
  return `${entry.parentPath}/${entry.name}`;
}

/** A plan of one file many times, so that it need not be in any store. */
function planOf(count: number): MountPlan {
  const name = (i: number): string => `/nix/store/${String(i).padStart(32, "0")}-with-a-name-of-its-own`;
  return {
    storeDir: "/nix/store",
    mounts: Array.from({ length: count }, (_, i) => ({
      source: "/bin/busybox",
      target: name(i),
      kind: "file",
    })),
    ...{ links: [], places: [], roots: [], narSize: 0 },
  };
}

/** The largest plan that a format with less room than that takes. */
function largest(format: MountFormat): MountPlan {
  const many = planOf(20_000);
  const least = (count: number): MountPlan => ({ ...many, mounts: many.mounts.slice(0, count) });
  let taken = 1;
  let refused = many.mounts.length;
  while (refused - taken > 1) {
    const middle = (taken + refused) >> 1;
    try {
      formatMounts(least(middle), format);
      taken = middle;
    } catch {
      refused = middle;
    }
  }
  return least(taken);
}

describe("more mounts than there is room for", () => {
  const many = planOf(99_001);
  for (const format of MOUNT_FORMATS.filter((each) => each !== "json")) {
    test(`are refused in the format ${format}, and what to do is told`, async () => {
      const failure = await failureOf(Promise.resolve().then(() => formatMounts(many, format)));
      expect(failure).toMatchObject({
        code: "ERR_MOUNT_LIMIT",
        details: { count: expect.any(Number) as unknown, limit: expect.any(Number) as unknown },
        hint: expect.stringMatching(/--farm DIR.*--whole-store/) as unknown,
      });
      // Both are a single mount.
      for (const options of [{ wholeStore: true }, { farm: "/farm" }])
        expect(formatMounts(many, format, options)).toContain("/nix/store");
    });
  }

  test("are refused before the program itself would refuse them", async () => {
    const limits = {
      docker: /bytes/,
      podman: /bytes/,
      nspawn: /bytes/,
      devcontainer: /bytes/,
      quadlet: /bytes/,
      bwrap: /arguments/,
    };
    for (const [format, what] of Object.entries(limits) as [MountFormat, RegExp][]) {
      const failure = await failureOf(Promise.resolve().then(() => formatMounts(planOf(20_000), format)));
      expect([format, failure.code]).toEqual([format, "ERR_MOUNT_LIMIT"]);
      expect(failure.message).toMatch(what);
    }
    for (const format of ["engine-api", "compose", "oci", "systemd"] as const)
      expect(formatMounts({ ...many, mounts: many.mounts.slice(1) }, format)).toContain("/nix/store");
  });
});

describe("as many mounts as there is room for", () => {
  testWith(["dockerd"], "are taken by docker", async () => {
    await using consumers = await MountConsumers.start();
    const { docker } = await consumers.engine();
    const flags = linesOf(formatMounts(largest("docker"), "docker"));
    await docker(["create", "--name", "many", "--network", "none", ...flags, "shell", "/bin/true"]);
    const { stdout } = await docker(["inspect", "--format", "{{len .Mounts}}", "many"]);
    expect(Number(stdout)).toBe(flags.length);
    // A sixth more is more than Linux takes.
    const more = [...flags, ...flags.slice(0, flags.length / 6)];
    await expect(docker(["create", "shell", ...more])).rejects.toThrow("E2BIG");
  });

  testWith(["systemd-nspawn"], "are taken by systemd-nspawn", async () => {
    const flags = linesOf(formatMounts(largest("nspawn"), "nspawn"));
    await mustRun("systemd-nspawn", [...flags, "--help"]);
  });

  testWith(["root", "mountReaders", "systemd-analyze", "setpriv"], "are taken by quadlet", async () => {
    const plan = largest("quadlet");
    const text = formatMounts(plan, "quadlet");
    await using folder = await temporaryFolder("quadlet");
    expect(await quadletFlags(text, folder.path)).toHaveLength(2 * plan.mounts.length);
    // Four in a hundred more is a command that systemd does not read.
    const more = linesOf(text).slice(1, plan.mounts.length / 25);
    await using other = await temporaryFolder("quadlet");
    expect(await quadletFlags(`${text}${more.join("\n")}\n`, other.path)).toEqual([]);
  });

  // Links count as binds do, and are made faster: with each bind bubblewrap reads all that there are.
  testWith(["bwrap"], "are taken by bubblewrap", async () => {
    await using consumers = await MountConsumers.start();
    const { mounts, ...rest } = largest("bwrap");
    const links = mounts.map(({ target }) => ({
      path: target,
      text: "there",
    })) as unknown as MountPlan["links"];
    const command = ["/bin/busybox", "ls", "/nix/store"];
    const names = linesOf(await consumers.bwrap({ ...rest, mounts: [], links }, command));
    expect(names).toHaveLength(mounts.length);
    const more = [...command, ...Array.from({ length: 100 }, () => "/nix/store")];
    await expect(consumers.bwrap({ ...rest, mounts: [], links }, more)).rejects.toThrow("9000");
  });
});

describeWith(["root", "dockerd", "nix-daemon", "nix-store"], "a farm of 10,000 store paths", () => {
  // In memory: so many files take long on a disk.
  const root = mkdtempSync("/dev/shm/laminix-farm-");
  afterAll(() => removeTree(root));

  test("is one mount for a container", async () => {
    await using daemon = await startNixStore({ at: root });
    const paths = Array.from({ length: 10_000 }, (_, i) => daemon.pathFor(`path-${String(i)}`));
    for (const path of paths) {
      mkdirSync(path);
      writeFileSync(`${path}/says`, `${path}\n`);
    }
    const [top = "", ...others] = paths;
    await daemon.registerPaths(
      paths.map((path) => ({
        ...{ path, narHash: "0".repeat(64), narSize: 1 },
        references: path === top ? others : [],
      })),
    );
    await using store = new NixStore(daemon.uri);
    const plan = await mountPlan(top, { store });
    expect(plan.mounts).toHaveLength(10_000);
    expect(plan.roots).toEqual([top]);
    const farm = await assembleFarm(plan, `${root}/farm`);
    await using consumers = await MountConsumers.start();
    try {
      const script = `cd ${plan.storeDir}; for path in *; do test -s $path/says || echo $path; done; set -- *; echo $#`;
      const output = await consumers.docker(plan, ["/bin/busybox", "sh", "-c", script], { farm });
      expect(output).toBe("10000\n");
    } finally {
      await mustRun("umount", ["--lazy", farm]);
    }
  });
});
