/** When processes of evaluators end, and by what. */
import { readdirSync, writeFileSync } from "node:fs";
import { getEventListeners } from "node:events";
import { type Evaluator, type EvaluatorValue, type LogEvent, openEvaluator } from "laminix";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../support/run.js";
import { moduleUrl } from "../../support/script.js";
import { temporaryFolder } from "../../support/temporary.js";
import { describeEachNix, failure, forever, markedEnvironment, processesOf, until } from "./lives.js";

/** Its evaluator is asked when the thread is ended. */
const thread = `
  if (isMainThread) {
    await evaluator.close();
    const worker = new Worker(new URL(import.meta.url));
    await new Promise((resolve) => worker.once("message", resolve));
    await worker.terminate();
  } else {
    value.get("forever").toJS().catch(() => undefined);
    setTimeout(() => parentPort.postMessage("begun"), 200);
  }`;

describeEachNix("an evaluator's end:", (release) => {
  const closed = { code: "ERR_CLOSED" };

  test("close() rejects what waits, and what is asked after it", async () => {
    const { env, mark } = markedEnvironment(release);
    const evaluator = await openEvaluator({ env });
    const value = await evaluator.load(`{ forever = ${forever}; one = 1; }`);
    const asked = [value.get("forever").toJS(), value.get("one").toJS()].map(failure);
    await Promise.all([evaluator.close(), evaluator.close()]);
    for (const error of await Promise.all(asked)) expect(error).toMatchObject(closed);
    expect(processesOf(mark)).toEqual([]);
    expect(await failure(value.get("one").toJS())).toMatchObject(closed);
    expect(await failure(evaluator.load("1"))).toMatchObject(closed);
    expect(await failure(evaluator.reload())).toMatchObject(closed);
    await evaluator.close();
  });

  test("close() ends what answers from before a reload, and what starts", async () => {
    const { env, mark } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env });
    const value = await evaluator.load(`{ forever = builtins.trace "has begun" (${forever}); one = 1; }`);
    const begun = deferred();
    const onLog = (event: LogEvent) => {
      if (event.type === "trace" && event.text.includes("has begun")) begun.resolve();
    };
    const old = failure(value.get("forever").toJS({ onLog }));
    await begun.promise;
    const reloading = failure(evaluator.reload());
    await evaluator.close();
    expect(await old).toMatchObject(closed);
    expect(await reloading).toMatchObject(closed);
    expect(processesOf(mark)).toEqual([]);
  });

  test("a program that waits for close() goes on, where what Nix has started keeps its output open", async () => {
    const { env } = markedEnvironment(release);
    await using folder = await temporaryFolder("evaluator");
    const nix = '#!/bin/sh\nPATH=${PATH#*:}\nsleep 0.3 &\nexec nix "$@"\n';
    writeFileSync(folder.join("nix"), nix, { mode: 0o755 });
    const program = `
      import { openEvaluator } from ${JSON.stringify(moduleUrl("index.js"))};
      const evaluator = await openEvaluator({ env: process.env });
      await evaluator.load("1");
      await evaluator.close();
      console.log("goes on");`;
    const path = `${folder.path}:${env["PATH"] ?? process.env["PATH"] ?? ""}`;
    const args = ["--input-type=module", "--eval", program];
    const { code, stdout } = await run(process.execPath, args, { env: { ...env, PATH: path } });
    expect([code, stdout.toString()]).toEqual([0, "goes on\n"]);
  });

  test("what answers from before a reload can be given up", async () => {
    const { env, mark } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env, spare: false });
    const value = await evaluator.load(`{ forever = ${forever}; one = 1; }`);
    const old = failure(value.get("forever").toJS({ timeout: 1000 }));
    await evaluator.reload();
    expect(await value.get("one").toJS()).toBe(1);
    expect((await old).code).toBe("ERR_EVALUATION_TIME");
    await until(() => processesOf(mark).length === 1);
  });

  test("a signal closes it, also while it opens", async () => {
    const { env, mark } = markedEnvironment(release);
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("no more");
    const open = await openEvaluator({ env, signal });
    const opening = openEvaluator({ env, signal });
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await expect(open.load("1")).rejects.toBe(reason);
    await open.close();
    expect(processesOf(mark)).toEqual([]);
    await expect(openEvaluator({ env, signal })).rejects.toBe(reason);
  });

  test.each<[string, number | null, string, "removed" | "left"]>([
    ["that forgets to close it", 0, "", "removed"],
    ["by process.exit in the middle of a question", 3, "setTimeout(() => process.exit(3), 200);", "removed"],
    ["by SIGKILL", null, 'setTimeout(() => process.kill(process.pid, "SIGKILL"), 200);', "left"],
    ["that ends a thread with it", 0, thread, "left"],
  ])("ends with a process %s", async (_, code, lines, remains) => {
    const { env, mark } = markedEnvironment(release);
    await using folder = await temporaryFolder("lifetime");
    await using scripts = await temporaryFolder("script");
    const script = scripts.join("script.mjs");
    const asks =
      lines === "" || lines === thread ? "" : "value.get('forever').toJS().catch(() => undefined);";
    writeFileSync(
      script,
      `import { Worker, isMainThread, parentPort } from "node:worker_threads";
       import { openEvaluator } from ${JSON.stringify(moduleUrl("index.js"))};
       const evaluator = await openEvaluator();
       const value = await evaluator.load(${JSON.stringify(`{ one = 1; forever = ${forever}; }`)});
       if (isMainThread) console.log(await value.get("one").toJS());
       ${asks}
       ${lines}`,
    );
    const result = await run("node", [script], { env: { ...env, TMPDIR: folder.path } });
    await until(() => processesOf(mark).length === 0);
    expect(result.code).toBe(code);
    expect(result.stdout.toString()).toBe("1\n");
    if (remains === "removed") expect(readdirSync(folder.path)).toEqual([]);
  });

  test("many leave no process, descriptor or listener", async () => {
    const { env, mark } = markedEnvironment(release);
    const { signal } = new AbortController();
    const descriptors = () => readdirSync("/proc/self/fd").length;
    const openAndClose = async () => {
      await using evaluator = await openEvaluator({ env, signal });
      await evaluator.load("1");
    };
    await openAndClose();
    const before = descriptors();
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 5 }, openAndClose));
    expect(processesOf(mark)).toEqual([]);
    await until(() => descriptors() <= before);
    // Of all evaluators together.
    expect(getEventListeners(signal, "abort").length).toBeLessThanOrEqual(1);
  });
});

describeEachNix("a Nix that is killed", (release) => {
  const { env, mark } = markedEnvironment(release);
  let evaluator: Evaluator;
  let value: EvaluatorValue;
  beforeAll(async () => {
    evaluator = await openEvaluator({ env });
    value = await evaluator.load(`{
      one = 1;
      forever = builtins.trace "has begun" (${forever});
      large = builtins.genList (i: "item \${toString i}") 300000;
    }`);
  });
  afterAll(() => evaluator.close());
  const killAll = () => {
    for (const { pid } of processesOf(mark)) process.kill(pid, "SIGKILL");
  };

  test("while it answers is an error with a code", async () => {
    const onLog = (event: LogEvent) => {
      if (event.type === "trace" && event.text.includes("has begun")) killAll();
    };
    expect(await failure(value.get("forever").toJS({ onLog }))).toMatchObject({ code: "ERR_PROGRAM" });
    expect(await value.get("one").toJS()).toBe(1);
  });

  test("at any time ends in the answer or an error with a code", async () => {
    const right = Array.from({ length: 300_000 }, (_, i) => `item ${i}`);
    for (let delay = 0; delay < 400; delay += 40) {
      const asked = value
        .get("large")
        .toJS()
        .then(
          (answer) => {
            expect(answer).toEqual(right);
          },
          (error: unknown) => {
            expect(error).toMatchObject({ code: "ERR_PROGRAM" });
          },
        );
      await new Promise((resolve) => setTimeout(resolve, delay));
      killAll();
      await asked;
    }
    // The last may have been killed in silence.
    await value
      .get("one")
      .toJS()
      .catch((error: unknown) => {
        expect(error).toMatchObject({ code: "ERR_PROGRAM" });
      });
    expect(await value.get("one").toJS()).toBe(1);
  });
});

/** A promise, and what resolves it. */
function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
