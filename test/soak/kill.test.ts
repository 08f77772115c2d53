/**
 * Commands that are killed at any moment, or interrupted twice: no process goes on, the old output is there or the whole
 * new one, and what is left goes with the next start.
 */
import { spawn } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { processes } from "../support/processes.js";
import { Random } from "../support/random.js";
import { repetitions } from "../support/repetitions.js";
import { describeWith } from "../support/requirements.js";
import { laminix, projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { vmKernelPath } from "../support/vm.js";

const bin = `${projectRoot}/dist/bundled/laminix.js`;

/** Told by what fails; `LAMINIX_SEED` takes it again. */
const seed = Number(process.env["LAMINIX_SEED"] ?? randomInt(2 ** 31));

let folder: TemporaryFolder;
let daemon: NixStore;
let registry: ImageRegistry;
const specs = { small: "", large: "", smallRoot: "", largeRoot: "", endlessRoot: "" };
type Size = "small" | "large";

beforeAll(async () => {
  folder = await temporaryFolder("kill");
  mkdirSync(folder.join("tmp"));
  [daemon, registry] = await Promise.all([startNixStore(), startImageRegistry({ plain: true })]);
  const random = new Random(1);
  const block = random.bytes(1 << 20);
  const add = (name: string, blocks: number): Promise<string> =>
    daemon.addTree(name, (place) => {
      mkdirSync(place);
      for (let i = 0; i < blocks; i++) writeFileSync(`${place}/${i}`, block.fill(i, 0, 1 << 16));
    });
  const [small, large, other] = [await add("small", 1), await add("large", 8), await add("other", 8)];
  const spec = (name: string, fields: object): string => {
    writeFileSync(folder.join(`${name}.json`), JSON.stringify({ name: "image", tag: "1", ...fields }));
    return folder.join(`${name}.json`);
  };
  specs.small = spec("small", { contents: [small] });
  specs.large = spec("large", { contents: [large, other] });
  specs.smallRoot = spec("small-root", { runAsRoot: "true" });
  specs.largeRoot = spec("large-root", {
    copyToRoot: [large],
    runAsRoot: "for i in 1 2 3 4 5; do dd if=/dev/zero of=/$i bs=1M count=4; sleep 0.1; done",
  });
  specs.endlessRoot = spec("endless-root", { runAsRoot: "setsid sleep 1000 & sleep 1000" });
  for (const size of ["small", "large"] as const) {
    await mustEnd(["build", "-o", folder.join(`${size}.tar.gz`), specs[size]]);
    await mustEnd(["push", "--plain-http", folder.join(`${size}.tar.gz`), `${registry.host}/${size}:1`]);
  }
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

beforeEach(() => {
  rmSync(folder.join("out"), { recursive: true, force: true });
  mkdirSync(folder.join("out"));
});

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  TMPDIR: folder.join("tmp"),
  LAMINIX_CACHE_DIR: folder.join("cache"),
  NIX_REMOTE: daemon.uri,
});

async function mustEnd(args: readonly string[]): Promise<void> {
  expect(await laminix([...args, "--quiet"], { env: environment() })).toMatchObject({ code: 0, stderr: "" });
}

interface Job {
  /** In the folder `out`; none where what it makes is in the registry. */
  readonly output?: string;
  readonly args: (size: Size) => string[];
}

const out = (name: string): string => folder.join("out", name);
const namespace = ["build-image", "--isolation", "namespace"];
const jobs: Readonly<Record<string, Job>> = {
  build: { output: "image.tar.gz", args: (size) => ["build", "-o", out("image.tar.gz"), specs[size]] },
  "build of a layout": {
    output: "layout",
    args: (size) => ["build", "--format", "oci-dir", "-o", out("layout"), specs[size]],
  },
  push: { args: (size) => ["push", "--plain-http", specs[size], `${registry.host}/pushed:1`] },
  pull: {
    output: "pulled.tar",
    args: (size) => ["pull", "--plain-http", "-o", out("pulled.tar"), `${registry.host}/${size}:1`],
  },
  export: {
    output: "root.tar",
    args: (size) => ["export", "-o", out("root.tar"), folder.join(`${size}.tar.gz`)],
  },
  "script in a namespace": {
    output: "root-image.tar",
    args: (size) => [...namespace, "-o", out("root-image.tar"), specs[`${size}Root`]],
  },
};

/** The job's output in a few words, after all that it names has been looked at. */
async function outcome({ output }: Job): Promise<string> {
  if (output === undefined) return pushed();
  if (!existsSync(out(`${output}/index.json`))) return sha256(readFileSync(out(output)));
  const index = readFileSync(out(`${output}/index.json`));
  for (const digest of digestsIn(index.toString())) {
    const manifest = blob(output, digest);
    for (const inner of digestsIn(manifest.toString())) blob(output, inner);
  }
  return sha256(index);
}

function blob(output: string, digest: string): Buffer {
  const bytes = readFileSync(out(`${output}/blobs/sha256/${digest}`));
  expect(sha256(bytes)).toBe(digest);
  return bytes;
}

async function pushed(): Promise<string> {
  const at = (rest: string): string => `http://${registry.host}/v2/pushed/${rest}`;
  const answer = await fetch(at("manifests/1"), {
    headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
  });
  const manifest = await answer.text();
  for (const digest of digestsIn(manifest)) {
    const stored = await fetch(at(`blobs/sha256:${digest}`));
    expect(sha256(Buffer.from(await stored.arrayBuffer()))).toBe(digest);
  }
  return sha256(Buffer.from(manifest));
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const digestsIn = (json: string): string[] =>
  Array.from(json.matchAll(/"digest":"sha256:([0-9a-f]{64})"/g), ([, digest]) => digest!);

/** Processes that work with our temporary folder, or see to it that others end. */
function ours(pid: number): string[] {
  return processes()
    .filter(
      ({ command, environment }) =>
        environment.includes(`TMPDIR=${folder.join("tmp")}\0`) ||
        command.includes(folder.join("tmp")) ||
        command.includes(` laminix-watcher ${pid} `),
    )
    .map(({ command }) => command);
}

/** Half a minute is for a machine that is busy; it takes milliseconds. */
async function noneOfOurs(pid: number): Promise<void> {
  for (let tries = 0; tries < 3000 && ours(pid).length > 0; tries++) await sleep(10);
  expect(ours(pid)).toEqual([]);
}

type How = "SIGKILL" | "SIGINT";

/** Ends a command after so many milliseconds, if it still runs then; its exit code or signal. */
async function ended(
  args: readonly string[],
  how: How,
  after: number,
  between: number,
): Promise<readonly [number, number | string]> {
  rmSync(folder.join("cache"), { recursive: true, force: true });
  const child = spawn(process.execPath, [bin, ...args, "--quiet"], {
    env: environment(),
    stdio: "ignore",
    detached: true,
  });
  const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  await sleep(after);
  child.kill(how);
  if (how === "SIGINT") {
    await sleep(between);
    child.kill(how);
  }
  const [code, signal] = await exit;
  return [child.pid!, signal ?? code ?? ""];
}

/** Temporary files, and what is where outputs go. */
const left = (): string[][] => ["tmp", "out"].map((name) => readdirSync(folder.join(name)));

describeWith(
  ["linux", "root", "nix-daemon", "nix-store", "docker-registry", "skopeo", "unshare", "busybox"],
  "a command that is ended at any moment",
  () => {
    const random = new Random(seed);

    test.each(Object.entries(jobs))(
      "leaves nothing but the old or the new, and what the next start removes: %s",
      async (name, job) => {
        const start = performance.now();
        await mustEnd(job.args("large"));
        const length = performance.now() - start;
        const whole = await outcome(job);
        if (job.output !== undefined) rmSync(out(job.output), { recursive: true });
        await mustEnd(job.args("small"));
        const before = await outcome(job);
        expect(before).not.toBe(whole);
        const clean = [[], job.output === undefined ? [] : [job.output]];

        for (let i = 0; i < repetitions(2, 30); i++) {
          const how = i % 2 === 0 ? "SIGKILL" : "SIGINT";
          const [after, between] = [random.below(length), 1 + random.below(50)];
          const told = `${name}, ${how} after ${after} of ${Math.round(length)} ms, seed ${seed}`;
          const [pid, end] = await ended(job.args("large"), how, after, between);
          expect([0, how, ...(how === "SIGINT" ? [130] : [])], told).toContain(end);
          await noneOfOurs(pid);
          expect([before, whole], told).toContain(await outcome(job));
          if (how === "SIGINT") expect(left(), told).toEqual(clean);
          await mustEnd(job.args("small"));
          expect(left(), told).toEqual(clean);
        }
      },
    );
  },
);

describeWith(
  ["linux", "root", "vm", "unshare"],
  "a virtual machine whose builder is ended at any moment",
  () => {
    test("ends, and leaves nothing but what the next start removes", async () => {
      const random = new Random(seed);
      const machine = ["build-image", "--kernel", vmKernelPath(), "--acceleration", "tcg"];
      for (let i = 0; i < repetitions(2, 20); i++) {
        const how = i % 2 === 0 ? "SIGKILL" : "SIGINT";
        const args = [...machine, "-o", out("machine.tar"), specs.endlessRoot];
        const [after, between] = [random.below(6000), 1 + random.below(50)];
        const told = `${how} after ${after} ms, seed ${seed}`;
        const [pid, end] = await ended(args, how, after, between);
        expect([how, ...(how === "SIGINT" ? [130] : [])], told).toContain(end);
        await noneOfOurs(pid);
        if (how === "SIGINT") expect(left(), told).toEqual([[], []]);
        await mustEnd([...namespace, "-o", out("machine.tar"), specs.smallRoot]);
        expect(left(), told).toEqual([[], ["machine.tar"]]);
        rmSync(out("machine.tar"));
      }
    });
  },
);
