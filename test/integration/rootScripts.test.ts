import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { buildImage, GraphStore, type RootScriptOptions, type SingleLayerSpec } from "laminix";
import { afterAll, beforeAll, expect, test } from "vitest";
import { failureOf } from "../support/failure.js";
import { archiveOf, tarOf } from "../support/images.js";
import { describeWith } from "../support/requirements.js";
import { laminix, mustRun, run } from "../support/run.js";
import { startLaminix } from "../support/started.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { inMachine, vmKernelPath } from "../support/vm.js";

let folder: TemporaryFolder;
let store: GraphStore;
let temporary: string;
const TMPDIR = process.env["TMPDIR"];
beforeAll(async () => {
  folder = await temporaryFolder("root-scripts");
  chmodSync(folder.path, 0o755);
  // Nothing of the store is in these images.
  const unused = `/nix/store/${"0".repeat(32)}-unused`;
  const graph = [{ path: unused, narHash: `sha256:${"0".repeat(52)}`, narSize: 120, references: [] }];
  writeFileSync(folder.join("graph.json"), JSON.stringify(graph));
  store = GraphStore.read(folder.join("graph.json"));
  temporary = folder.join("tmp");
  mkdirSync(temporary);
  process.env["TMPDIR"] = temporary;
  const bin = [
    { name: "etc/", type: "directory" as const },
    { name: "etc/motd", body: "hello\n" },
  ];
  writeFileSync(folder.join("base.tar"), await archiveOf({ layers: [await tarOf(bin)] }));
});
afterAll(async () => {
  if (TMPDIR === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = TMPDIR;
  await folder[Symbol.asyncDispose]();
});

/** Builds an image with a script; what it printed. Whatever comes of it, nothing is left behind. */
async function script(
  text: string,
  spec: Partial<SingleLayerSpec> = {},
  how: RootScriptOptions = {},
  options: { readonly signal?: AbortSignal; readonly onLine?: (line: string) => void } = {},
): Promise<string[]> {
  const output = folder.join("image.tar");
  const printed: string[] = [];
  try {
    await buildImage(
      { name: "scripted", compressor: "none", fromImage: folder.join("base.tar"), runAsRoot: text, ...spec },
      {
        ...{ store, output, cache: false, runAsRoot: { ...inMachine, ...how } },
        ...(options.signal && { signal: options.signal }),
        onProgress: (event) => {
          if (event.type !== "log") return;
          printed.push(event.line);
          options.onLine?.(event.line);
        },
      },
    );
  } finally {
    expect(readdirSync(temporary)).toEqual([]);
    expect(await machines()).toEqual([]);
  }
  return printed;
}

/** QEMUs that have their files in our temporary folder. */
async function machines(): Promise<string[]> {
  const { stdout } = await run("/bin/ps", ["-eo", "args"]);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line.startsWith("qemu-system") && line.includes(temporary));
}

describeWith(["vm"], "a script in a virtual machine", () => {
  test("that fails is told of by its exit status and its last lines; it has no network but its own", async () => {
    const printed: string[] = [];
    const text =
      "ip -o link; ip -o -4 addr; for i in $(seq 30); do echo line $i; done; ls /no/such/place; echo unreached";
    const failure = await failureOf(script(text, {}, {}, { onLine: (line) => printed.push(line) }));
    expect(failure).toMatchObject({ code: "ERR_SCRIPT", details: { script: "runAsRoot", exitCode: 1 } });
    expect(failure.message).toMatch(/line 30\n {2}ls: \/no\/such\/place: No such file/);
    expect(failure.message).toContain("failed with exit code 1 at line 1: ip -o link;");
    expect(printed).not.toContain("unreached");
    expect(printed.filter((line) => /^\d+: (?!lo)/.test(line))).toEqual([]);
    expect(printed.join("\n")).toContain("127.0.0.1/8");
  });

  test("that needs more memory or room than there is is told to raise which, and runs when that is done", async () => {
    const memory = "dd if=/dev/zero of=/dev/null bs=140M count=1";
    expect(await failureOf(script(memory, { buildVMMemorySize: 160 }))).toMatchObject({
      code: "ERR_MACHINE_MEMORY",
      hint: expect.stringContaining("buildVMMemorySize") as string,
    });
    const room = "dd if=/dev/zero of=/large bs=1M count=40; rm /large";
    expect(await failureOf(script(room, { diskSize: 32 }))).toMatchObject({
      code: "ERR_MACHINE_DISK",
      hint: expect.stringContaining("diskSize") as string,
    });
    await script(`${memory}; ${room}`, { buildVMMemorySize: 320, diskSize: 80 });
  });

  test.each([
    ["forks without end", "f() { f | f & }; f; f; sleep 1000", "ERR_MACHINE_PROCESSES"],
    ["makes the kernel panic", "echo c > /proc/sysrq-trigger; sleep 1000", "ERR_MACHINE_PANIC"],
    ["restarts the machine", "reboot -f; sleep 1000", "ERR_MACHINE_STOPPED"],
    ["prints without end", "yes $(printf %01000d 0)", "ERR_SCRIPT_OUTPUT"],
    ["deletes all that there is", "rm -rf /* 2> /dev/null || true", "ERR_SCRIPT_ROOT"],
  ])("that %s ends with an error of its own", async (_, text, code) => {
    expect(await failureOf(script(text))).toMatchObject({ code, details: { script: "runAsRoot" } });
  });

  test("that takes too long is ended", async () => {
    expect(await failureOf(script("sleep 1000", {}, { timeLimit: 5 }))).toMatchObject({
      code: "ERR_SCRIPT_TIME",
      details: { timeLimit: 5 },
    });
  });

  test("ends with its machine when the build is aborted", async () => {
    const controller = new AbortController();
    const aborted = script(
      "echo started; sleep 1000",
      {},
      {},
      {
        signal: controller.signal,
        onLine: () => controller.abort(new Error("enough")),
      },
    );
    await expect(aborted).rejects.toThrow("enough");
  });

  test("an interrupt of the command line ends the machine, which may start no program, and leaves nothing", async () => {
    const spec = folder.join("endless.json");
    writeFileSync(spec, JSON.stringify({ name: "endless", runAsRoot: "echo started; sleep 1000" }));
    const args = [
      "build-image",
      "--graph",
      folder.join("graph.json"),
      "-o",
      folder.join("endless.tar"),
      spec,
    ];
    const flags = ["--acceleration", "tcg", "--kernel", vmKernelPath()];
    await using started = startLaminix([...args, ...flags], {
      env: { TMPDIR: temporary },
      stdout: "pipe",
      timeout: 100_000,
    });
    await started.says(/started/);
    expect(await machines()).toEqual([expect.stringMatching(/ -sandbox on,.*spawn=deny/)]);
    started.child.kill("SIGINT");
    expect(await started.ended).toEqual([130, null]);
    expect(readdirSync(temporary)).toEqual([]);
    expect(await machines()).toEqual([]);
  });

  test("has the network where that is asked for, and leaves nothing of it, nor follows a link to where it was", async () => {
    const server = createServer((_, response) => response.end("from the network\n"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const base = [
      { name: "config/", type: "directory" as const },
      { name: "etc", type: "symlink" as const, linkname: "../../config" },
    ];
    const fromImage = folder.join("linked.tar");
    writeFileSync(fromImage, await archiveOf({ layers: [await tarOf(base)] }));
    const names = async (host: string, isolation: "machine" | "namespace"): Promise<string> => {
      const fetched = `wget -qO- http://${host}:${String(port)}/`;
      const text = `[ -s /etc/resolv.conf ]; ${fetched}; rmdir /tmp; ln -s /config /tmp; touch /seen`;
      expect(await script(text, { fromImage }, { network: true, isolation })).toEqual(["from the network"]);
      const layers = ["-xOf", folder.join("image.tar"), "--wildcards", "*/layer.tar"];
      const { stdout } = await mustRun("sh", ["-c", 'tar "$@" | tar tvi', "sh", ...layers]);
      return stdout.toString();
    };
    try {
      const inMachine = await names("10.0.2.2", "machine");
      expect(inMachine).toMatch(/ \.\/seen\n.* \.\/tmp -> \/config\n/);
      expect(inMachine).not.toContain("resolv.conf");
      expect(await names("127.0.0.1", "namespace")).toBe(inMachine);
    } finally {
      server.close();
    }
  });

  test("runs in an image of nothing, with what its first line names where there is one", async () => {
    const printed = await script("#!/dev/laminix/bin/awk -f\nBEGIN { print 6 * 7 }", { fromImage: null });
    expect(printed).toEqual(["42"]);
  });

  test("a processor's help that hangs is not waited for", async () => {
    const program = process.arch === "arm64" ? "qemu-system-aarch64" : "qemu-system-x86_64";
    const real = (await mustRun("sh", ["-c", `command -v ${program}`])).stdout.toString().trim();
    const bin = folder.join("hanging");
    mkdirSync(bin);
    const wrapper = `#!/bin/sh\ncase "$*" in *accel=kvm*) sleep 1000 ;; *) exec ${real} "$@" ;; esac\n`;
    writeFileSync(path.join(bin, program), wrapper, { mode: 0o755 });
    const spec = folder.join("hung.json");
    writeFileSync(spec, JSON.stringify({ name: "hung", runAsRoot: "echo it runs" }));
    const args = ["build-image", "--graph", folder.join("graph.json"), "-o", folder.join("hung.tar"), spec];
    const env = {
      PATH: `${bin}:${process.env["PATH"]!}`,
      LAMINIX_VM_KERNEL: vmKernelPath(),
      TMPDIR: temporary,
    };
    const result = await laminix(args, { env, timeout: 100_000 });
    expect(result).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("runAsRoot> it runs") as string,
    });
  });

  test("what a machine needs and what is not there is told: QEMU, a kernel, its modules, a static busybox", async () => {
    const bin = folder.join("bin");
    mkdirSync(bin);
    const env = process.env["PATH"]!;
    process.env["PATH"] = bin;
    try {
      expect(await failureOf(script("true"))).toMatchObject({
        code: "ERR_PROGRAM",
        hint: expect.stringContaining("QEMU") as string,
      });
    } finally {
      process.env["PATH"] = env;
    }
    const noKernel = await failureOf(script("true", {}, { kernel: folder.join("nowhere") }));
    expect(noKernel).toMatchObject({
      code: "ERR_MACHINE",
      hint: expect.stringContaining("LAMINIX_VM_KERNEL") as string,
    });
    const bare = folder.join("bare");
    const modules = path.join(bare, "lib/modules/1.0/kernel");
    mkdirSync(modules, { recursive: true });
    mkdirSync(path.join(bare, "boot"));
    writeFileSync(path.join(bare, "boot/vmlinuz-1.0"), "");
    expect(await failureOf(script("true", {}, { kernel: bare }))).toMatchObject({
      code: "ERR_MACHINE",
      details: { module: "virtio_pci" },
    });
    expect(await failureOf(script("true", { buildVMMemorySize: 32 }))).toMatchObject({
      code: "ERR_MACHINE",
      hint: expect.stringContaining("buildVMMemorySize") as string,
    });
    expect(await failureOf(script("true", {}, { busybox: process.execPath }))).toMatchObject({
      code: "ERR_MACHINE",
      hint: expect.stringContaining("busybox-static") as string,
    });
  });
});

describeWith(["unshare", "busybox", "root"], "a script in namespaces", () => {
  const namespace = { isolation: "namespace" } as const;

  test("that fails, takes too long or deletes all ends with an error of its own, and leaves nothing", async () => {
    expect(await failureOf(script("echo last; exit 3", {}, namespace))).toMatchObject({
      code: "ERR_SCRIPT",
      details: { exitCode: 3, output: ["last"] },
    });
    const late = script("sleep 1000 & sleep 1000", {}, { ...namespace, timeLimit: 2 });
    expect(await failureOf(late)).toMatchObject({ code: "ERR_SCRIPT_TIME" });
    expect(await failureOf(script("rm -rf /* 2> /dev/null || true", {}, namespace))).toMatchObject({
      code: "ERR_SCRIPT_ROOT",
    });
    const mounts = readFileSync("/proc/self/mounts", "utf8");
    expect(mounts).not.toContain(temporary);
  });

  test("needs the program that enters them, and tells how to build it", async () => {
    process.env["LAMINIX_ENTER"] = folder.join("nowhere");
    try {
      expect(await failureOf(script("true", {}, namespace))).toMatchObject({
        code: "ERR_ADDON_MISSING",
        details: { path: folder.join("nowhere") },
        hint: expect.stringContaining("npm run build:native") as string,
      });
    } finally {
      delete process.env["LAMINIX_ENTER"];
    }
  });

  /** As nobody, who has no subordinate ids. */
  async function asNobody(name: string, spec: object): Promise<{ code: number | null; stderr: string }> {
    const place = folder.join(name);
    mkdirSync(place);
    chmodSync(place, 0o777);
    writeFileSync(path.join(place, "spec.json"), JSON.stringify({ name, ...spec }));
    const args = ["build-image", "--graph", folder.join("graph.json"), "--isolation", "namespace", "--json"];
    const result = await laminix(
      [...args, "-o", path.join(place, "image.tar"), path.join(place, "spec.json")],
      {
        ...{ uid: 65_534, gid: 65_534 },
        env: { TMPDIR: place, HOME: place, LAMINIX_CACHE_DIR: path.join(place, "cache") },
      },
    );
    expect(readdirSync(place).filter((each) => each.startsWith("laminix-"))).toEqual([]);
    return result;
  }

  test("of somebody who has no subordinate ids makes the same, and refuses what would be another's", async () => {
    const text = "id -u; mkdir /made; echo made > /made/file; rm /etc/motd; chmod 4755 /made/file";
    const fromImage = folder.join("base.tar");
    const result = await asNobody("alone", { tag: "1", fromImage, runAsRoot: text });
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining("runAsRoot> 0") as string });
    await script(text, { name: "alone", tag: "1" }, namespace);
    await mustRun("cmp", [folder.join("image.tar"), folder.join("alone/image.tar")]);

    const others = [{ name: "home/", type: "directory" as const, uid: 1000, gid: 100 }];
    writeFileSync(folder.join("others.tar"), await archiveOf({ layers: [await tarOf(others)] }));
    const foreign = await asNobody("foreign", { fromImage: folder.join("others.tar"), runAsRoot: "true" });
    expect(JSON.parse(foreign.stderr.trim().split("\n").at(-1)!)).toMatchObject({
      error: { code: "ERR_NAMESPACE", message: expect.stringContaining("/home") as string },
    });
    const changing = await asNobody("changing", { fromImage, runAsRoot: "chown 1000 /etc/motd" });
    expect(changing).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Invalid argument") as string,
    });
  });
});
