/** Signals that tell the program to end, once and again, and a terminal that goes away. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isAlive, numberIn } from "../support/processes.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, projectRoot, run } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const bin = `${projectRoot}/dist/bundled/laminix.js`;
const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Name = keyof typeof CODES;

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder("interruption");
  for (const name of ["tmp", "out"]) mkdirSync(folder.join(name));
  const graph = [
    {
      path: `/nix/store/${"0".repeat(32)}-unused`,
      narHash: `sha256:${"0".repeat(52)}`,
      narSize: 120,
      references: [],
    },
  ];
  writeFileSync(folder.join("graph.json"), JSON.stringify(graph));
  writeFileSync(folder.join("out/image.tar"), "before");
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  TMPDIR: folder.join("tmp"),
  LAMINIX_CACHE_DIR: folder.join("cache"),
});

/** Arguments that build an image with a script; its process writes its number to the file `script`. */
function building(script: string): string[] {
  const spec = {
    name: "image",
    tag: "1",
    extraCommands: `echo $$ > ${folder.join("script")}; ${script}`,
    includeStorePaths: false,
  };
  writeFileSync(folder.join("spec.json"), JSON.stringify(spec));
  const output = ["-o", folder.join("out/image.tar")];
  return ["build", "--quiet", "--graph", folder.join("graph.json"), ...output, folder.join("spec.json")];
}

/** Scripts that end half a second after they were told, and not before they must, after two seconds. */
const SLOW = "trap 'sleep 0.5; exit' TERM; while :; do sleep 0.1; done";
const STUBBORN = "trap '' TERM; while :; do sleep 0.1; done";

async function started(
  script: string,
): Promise<{ readonly child: ChildProcess; readonly pid: number; readonly stderr: () => string }> {
  const child = spawn(process.execPath, [bin, ...building(script)], {
    env: environment(),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  return { child, pid: await numberIn(folder.join("script")), stderr: () => text };
}

function expectNothingLeft(): void {
  expect(readdirSync(folder.join("tmp"))).toEqual([]);
  expect(readdirSync(folder.join("out"))).toEqual(["image.tar"]);
  expect(readFileSync(folder.join("out/image.tar"), "utf8")).toBe("before");
}

describeWith(["linux"], "a signal that comes again while the program cleans up", () => {
  test.each<readonly [Name, Name]>([
    ["SIGINT", "SIGINT"],
    ["SIGTERM", "SIGTERM"],
    ["SIGHUP", "SIGHUP"],
    ["SIGTERM", "SIGINT"],
  ])("does not disturb that: %s, then %s", async (first, second) => {
    const { child, pid, stderr } = await started(SLOW);
    child.kill(first);
    await sleep(100);
    child.kill(second);
    expect(await once(child, "close")).toEqual([CODES[first], null]);
    expectNothingLeft();
    expect([isAlive(pid), stderr()]).toEqual([false, ""]);
  });

  test("for the third time ends it at once: it says what it leaves, which the next start removes", async () => {
    const { child, pid, stderr } = await started(STUBBORN);
    const ended = once(child, "close");
    for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      child.kill(name);
      await sleep(50);
    }
    expect(await ended).toEqual([CODES.SIGTERM, null]);
    while (isAlive(pid)) await sleep(5);
    const left = readdirSync(folder.join("tmp")).map((name) => `  ${folder.join("tmp", name)}\n`);
    expect(left).toHaveLength(1);
    expect(stderr()).toBe(`laminix: stopped during cleanup; these files are left:\n${left.join("")}`);
    await mustRun(process.execPath, [bin, ...building("true")], { env: environment() });
    expect(readdirSync(folder.join("tmp"))).toEqual([]);
  });
});

describeWith(["script", "linux"], "Ctrl-C on a terminal", () => {
  test("is heard by the program alone, which ends what it has started in its own way", async () => {
    const heard = folder.join("heard");
    const script = `trap 'echo INT >> ${heard}; exit' INT; trap 'echo TERM >> ${heard}; exit' TERM; while :; do sleep 0.1; done`;
    // The shell hears Ctrl-C too; without a trap of its own, dash would die of it before it prints the code.
    const line = `trap : INT; ${process.execPath} ${bin} ${building(script).join(" ")}; echo "code $?"`;
    const terminal = spawn("script", ["-qec", line, "/dev/null"], {
      env: { ...environment(), SHELL: "/bin/sh" },
    });
    let said = "";
    terminal.stdout.setEncoding("utf8").on("data", (piece: string) => (said += piece));
    await numberIn(folder.join("script"));
    terminal.stdin.write("\u0003");
    await once(terminal, "close");
    expect(said).toContain("code 130");
    expect(readFileSync(heard, "utf8")).toBe("TERM\n");
    expectNothingLeft();
  });
});

describeWith(["linux"], "standard error that nobody reads", () => {
  const loud = (): string[] =>
    building("for i in $(seq 200); do echo line $i; done").filter((each) => each !== "--quiet");

  test("does not stop the command", async () => {
    const child = spawn(process.execPath, [bin, ...loud()], {
      env: environment(),
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr.destroy();
    expect(await once(child, "close")).toEqual([0, null]);
    expect(readdirSync(folder.join("tmp"))).toEqual([]);
    expect(existsSync(folder.join("script"))).toBe(true);
  });

  test.each(["2>&-", "2>/dev/full"])(
    "that is closed or full does not stop the command: %s",
    async (redirection) => {
      const line = `"$@" ${redirection}; code=$?; exit $code`;
      const result = await run("sh", ["-c", line, "sh", process.execPath, bin, ...loud()], {
        env: environment(),
      });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      const failing = ["sh", process.execPath, bin, "export", folder.join("missing.tar")];
      expect((await run("sh", ["-c", line, ...failing], { env: environment() })).code).toBe(1);
    },
  );
});
