import { getEventListeners } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LaminixError } from "laminix";
import { describe, expect, test } from "vitest";
import { run } from "../../dist/process/run.js";
import { isAlive, numberIn, type Process, processes } from "../support/processes.js";
import { describeWith } from "../support/requirements.js";
import { projectRoot, run as runInTest } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";

const sh = (script: string, options: Parameters<typeof run>[2] = {}) => run("sh", ["-c", script], options);

async function failureOf(promise: Promise<unknown>): Promise<LaminixError> {
  const error = await promise.then(
    () => expect.unreachable("it should have failed"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LaminixError);
  return error as LaminixError;
}

/** What is alive of a process group. */
const membersOf = (group: number): Process[] => processes().filter((process) => process.group === group);

describe("a program", () => {
  test("gets its input, and gives its output", async () => {
    const input = "line\n".repeat(100_000);
    const { stdout, stderr } = await sh("cat; echo said >&2", { input });
    expect([stdout.toString() === input, stderr]).toEqual([true, "said\n"]);
  });

  test("without input reads none", async () => {
    expect((await sh("cat")).stdout).toHaveLength(0);
  });

  test("may end without having read its input", async () => {
    expect((await sh("echo done", { input: Buffer.alloc(1 << 22) })).stdout.toString()).toBe("done\n");
  });

  test("gets variables added to this process's, and taken away, and runs in a folder", async () => {
    const { stdout } = await sh('echo "$A,${HOME-none},${PATH:+some}"; pwd', {
      env: { A: "1", HOME: undefined },
      cwd: "/",
    });
    expect(stdout.toString()).toBe("1,none,some\n/\n");
  });

  test("is heard line by line, characters whole, the last line without its end too", async () => {
    const [out, err]: string[][] = [[], []];
    await sh(
      String.raw`printf 'one\n\303'; sleep 0.05; printf '\274\n\nlast'; printf 'e1\ne2' >&2; printf x >/dev/null`,
      {
        onStdoutLine: (line) => out!.push(line),
        onStderrLine: (line) => err!.push(line),
      },
    );
    expect([out, err]).toEqual([
      ["one", "ü", "", "last"],
      ["e1", "e2"],
    ]);
  });
});

describe("a program that fails", () => {
  test("is an error with its exit code and the end of what it said", async () => {
    const error = await failureOf(sh("echo first >&2; echo last >&2; exit 3"));
    expect(error).toMatchObject({
      code: "ERR_PROGRAM",
      message: "sh failed with exit code 3: last",
      details: { program: "sh", exitCode: 3, signal: null, stderr: "first\nlast\n" },
    });
  });

  test("by a signal is an error that names it", async () => {
    expect(await failureOf(sh("kill -SEGV $$"))).toMatchObject({
      code: "ERR_PROGRAM",
      message: "sh was ended by SIGSEGV",
      details: { exitCode: null, signal: "SIGSEGV" },
    });
  });

  test("keeps only the end of a long lament", async () => {
    const { details } = await failureOf(sh("yes lament | head -c 1000000 >&2; echo end >&2; exit 1"));
    expect(details.stderr).toHaveLength(65536);
    expect(details.stderr).toMatch(/end\n$/);
  });

  test("to be there is an error with a hint", async () => {
    expect(await failureOf(run("no-such-program", []))).toMatchObject({
      code: "ERR_PROGRAM",
      message: "no-such-program cannot be run: it is not there",
      hint: expect.stringContaining("PATH"),
      details: { program: "no-such-program" },
    });
    expect(await failureOf(run("no-such-program", [], { hint: "look harder" }))).toMatchObject({
      hint: "look harder",
    });
    expect(await failureOf(run("sh", [], { cwd: "/no/such/folder" }))).toMatchObject({
      code: "ERR_PROGRAM",
      message: "sh cannot be run: there is no folder /no/such/folder",
      hint: undefined,
    });
  });

  test("to start for its arguments is an error", async () => {
    expect(await failureOf(run("true", ["x".repeat(1 << 24)]))).toMatchObject({
      code: "ERR_PROGRAM",
      details: { program: "true" },
    });
  });

  test("to stop printing is ended", async () => {
    expect(await failureOf(run("yes", [], { maxOutput: 1000 }))).toMatchObject({
      code: "ERR_PROGRAM",
      message: "yes printed more than 1000 bytes",
    });
    expect((await run("printf", ["%s", "x".repeat(1000)], { maxOutput: 1000 })).stdout).toHaveLength(1000);
  });
});

test("what a callback throws ends the program, and is what is thrown", async () => {
  const error = new Error("enough");
  const fail = (): void => {
    throw error;
  };
  await expect(run("yes", [], { onStdoutLine: fail })).rejects.toBe(error);
  await expect(sh("echo line >&2; sleep 1000", { onStderrLine: fail })).rejects.toBe(error);
  await expect(sh("printf rest", { onStdoutLine: fail })).rejects.toBe(error);
});

describeWith(["linux"], "an abort", () => {
  test("before the start starts nothing", async () => {
    await using folder = await temporaryFolder();
    const reason = new Error("no");
    const mark = folder.join("mark");
    await expect(sh(`touch '${mark}'`, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(existsSync(mark)).toBe(false);
  });

  test.each([
    ["that would go on", "sleep 1000"],
    ["that does not listen", "trap '' TERM; while :; do sleep 1; done"],
    ["that has children that do not listen", "(trap '' TERM; while :; do sleep 1; done) & wait"],
  ])("ends a program %s, and all that it started", async (_, script) => {
    await using folder = await temporaryFolder();
    const controller = new AbortController();
    const reason = new Error("stop it");
    const [self, child] = [folder.join("self"), folder.join("child")];
    const running = sh(`sleep 1000 & echo $! >'${child}'; echo $$ >'${self}'; ${script}`, {
      signal: controller.signal,
    });
    const pids = [await numberIn(self), await numberIn(child)];
    expect(pids.map(isAlive)).toEqual([true, true]);
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    // The program itself has ended by now; SIGKILL is on its way to the rest.
    expect(isAlive(pids[0]!)).toBe(false);
    while (membersOf(pids[0]!).length > 0) await sleep(5);
  });

  test("does not wait for a stranger who holds the output", async () => {
    await using folder = await temporaryFolder();
    const controller = new AbortController();
    const stranger = folder.join("stranger");
    const running = sh(`setsid sh -c 'echo $$ >${stranger}; exec sleep 1000' & wait`, {
      signal: controller.signal,
    });
    const pid = await numberIn(stranger);
    try {
      controller.abort();
      await expect(running).rejects.toBe(controller.signal.reason);
    } finally {
      process.kill(pid, "SIGKILL");
    }
  });

  test("may have any reason", async () => {
    const controller = new AbortController();
    const running = sh("sleep 1000", { signal: controller.signal });
    controller.abort(null);
    await expect(running).rejects.toBe(null);
  });
});

describeWith(["linux"], "a program that ends", () => {
  test.each(["exit 0", "exit 1"])("with %s ends what it has left in its group", async (end) => {
    await using folder = await temporaryFolder();
    const child = folder.join("child");
    await sh(`sleep 1000 >&- 2>&- & echo $! >${child}; ${end}`).catch(() => undefined);
    const pid = await numberIn(child);
    while (isAlive(pid)) await sleep(5);
  });
});

describeWith(["linux"], "a hundred programs", () => {
  test("leave no listener and no open file behind", async () => {
    const { signal } = new AbortController();
    await sh("true", { signal });
    const count = () => [
      getEventListeners(signal, "abort").length,
      process.listenerCount("exit"),
      readdirSync("/proc/self/fd").length,
    ];
    const before = count();
    for (let i = 0; i < 10; i++) {
      await Promise.all(
        Array.from({ length: 10 }, () =>
          sh(`exit ${i % 2}`, { signal, input: "x", onStderrLine: () => undefined }).catch(() => undefined),
        ),
      );
    }
    expect(count()).toEqual(before);
  });
});

describeWith(["linux"], "when this process ends", () => {
  test("its programs do, listening or not", async () => {
    await using folder = await temporaryFolder();
    const file = folder.join("pid");
    const module = path.join(projectRoot, "dist/process/run.js");
    const script = `
      import { existsSync } from "node:fs";
      const { run } = await import(${JSON.stringify(module)});
      run("sh", ["-c", "trap '' TERM; echo $$ >'${file}'; while :; do sleep 1; done"]);
      setInterval(() => { if (existsSync(${JSON.stringify(file)})) process.exit(7); }, 5);
    `;
    const { code } = await runInTest(process.execPath, ["--input-type=module", "--eval", script]);
    expect(code).toBe(7);
    const pid = await numberIn(file);
    while (isAlive(pid)) await sleep(5);
  });
});
