/** Processes that are killed: what they have started ends with them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isAlive, numberIn, processes } from "../support/processes.js";
import { describeWith } from "../support/requirements.js";
import { moduleUrl } from "../support/script.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

let folder: TemporaryFolder;
let count = 0;
beforeAll(async () => {
  folder = await temporaryFolder("killed");
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

function start(source: string): ChildProcess {
  const module = `import { run } from ${JSON.stringify(moduleUrl("process/run.js"))};\n${source}`;
  return spawn(process.execPath, ["--input-type=module", "--eval", module], { stdio: "ignore" });
}

/** Files that a program and one that it starts write their numbers to, and the source of a call that runs it. */
function stubborn(): { readonly pids: () => Promise<number[]>; readonly source: string } {
  const files = ["leader", "member"].map((name) => folder.join(`${name}-${count}`));
  count++;
  const [leader, member] = files as [string, string];
  const script = `trap '' TERM INT HUP
    (echo $(exec sh -c 'echo $PPID') > ${member}; while :; do sleep 1; done) &
    echo $$ > ${leader}; while :; do sleep 1; done`;
  return {
    pids: () => Promise.all(files.map(numberIn)),
    source: `run("sh", ["-c", ${JSON.stringify(script)}]).catch(() => undefined);`,
  };
}

async function goneBy(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await sleep(5);
}

const watchersOf = (pid: number): number[] =>
  processes()
    .filter(({ command }) => command.includes(` laminix-watcher ${pid} `))
    .map((watcher) => watcher.pid);

describeWith(["linux"], "a process that is killed", () => {
  test.each(["SIGKILL", "SIGTERM", "SIGSEGV"] as const)(
    "by %s takes its programs with it, all that is in their groups, and what watches them",
    async (signal) => {
      const [one, other] = [stubborn(), stubborn()];
      const child = start(`${one.source}${other.source}setInterval(() => undefined, 1000);`);
      const pids = [...(await one.pids()), ...(await other.pids())];
      const watchers = watchersOf(child.pid!);
      expect(watchers).toHaveLength(1);
      expect(pids.map(isAlive)).toEqual([true, true, true, true]);
      child.kill(signal);
      await goneBy([...pids, ...watchers]);
    },
  );

  test("takes what a thread of it has started, which ends with the thread too", async () => {
    const [inThread, inBriefThread] = [stubborn(), stubborn()];
    const thread = (source: string): string =>
      `new Worker(${JSON.stringify(`import(${JSON.stringify(moduleUrl("process/run.js"))}).then(({ run }) => { ${source} });`)}, { eval: true, execArgv: [] })`;
    const child = start(`
      import { Worker } from "node:worker_threads";
      ${thread(inThread.source)};
      const brief = ${thread(inBriefThread.source)};
      process.on("SIGUSR2", () => brief.terminate());
      setInterval(() => undefined, 1000);`);
    const [pids, ofBrief] = [await inThread.pids(), await inBriefThread.pids()];
    child.kill("SIGUSR2");
    await goneBy(ofBrief);
    expect(pids.map(isAlive)).toEqual([true, true]);
    child.kill("SIGKILL");
    await goneBy(pids);
  });

  test("leaves alone what it has let go of: the number may be another's by then", async () => {
    const [kept, released] = [1, 2].map(() =>
      spawn("sleep", ["1000"], { detached: true, stdio: "ignore" }),
    ) as [ChildProcess, ChildProcess];
    try {
      const child = start(`
        import { Watcher } from ${JSON.stringify(moduleUrl("process/watcher.js"))};
        const watcher = new Watcher("LAMINIX_OFFSPRING=none");
        watcher.wake();
        for (const group of [${released.pid}, ${kept.pid}]) watcher.hold(group);
        watcher.release(${released.pid});
        process.kill(process.pid, "SIGKILL");`);
      await Promise.all([once(kept, "exit"), once(child, "exit")]);
      expect(kept.signalCode).toBe("SIGKILL");
      expect(isAlive(released.pid!)).toBe(true);
    } finally {
      released.kill("SIGKILL");
    }
  });
});

describeWith(["linux"], "what has left a program's group", () => {
  const stray = (file: string): string =>
    JSON.stringify(
      `setsid sh -c 'echo $$ > ${file}; exec sleep 1000' >/dev/null 2>&1 & while ! [ -s ${file} ]; do sleep 0.01; done`,
    );

  test("ends with the program where that is wanted, and else goes on", async () => {
    const [ended, kept] = [folder.join("ended"), folder.join("kept")];
    const child = start(`
      await run("sh", ["-c", ${stray(ended)}], { strays: "end" });
      await run("sh", ["-c", ${stray(kept)}]);`);
    await once(child, "exit");
    const pid = await numberIn(kept);
    try {
      expect(isAlive(pid)).toBe(true);
      await goneBy([await numberIn(ended)]);
    } finally {
      process.kill(pid, "SIGKILL");
    }
  });

  test("is not waited for where it holds on to the program's output", async () => {
    const file = folder.join("holding");
    const script = JSON.stringify(`sleep 1000 & echo $! > ${file}; setsid sleep 1000 & echo done`);
    const child = start(`await run("sh", ["-c", ${script}], { strays: "end" });`);
    await once(child, "exit");
    await goneBy([await numberIn(file)]);
  });

  test("ends with the process that is killed", async () => {
    const file = folder.join("stray");
    const child = start(`run("sh", ["-c", ${stray(file)} + "; sleep 1000"], { strays: "end" });`);
    const pid = await numberIn(file);
    child.kill("SIGKILL");
    await goneBy([pid]);
  });
});

describeWith(["linux"], "what watches programs", () => {
  test("is one process for many, ends when there are none for a while, and keeps nobody alive", async () => {
    const child = start(`
      await Promise.all([1, 2, 3].map(() => run("true", [])));
      const end = setInterval(() => undefined, 1000);
      process.on("SIGUSR2", async () => {
        await run("sh", ["-c", "echo $$ > ${folder.join("again")}"]);
        clearInterval(end);
      });`);
    while (watchersOf(child.pid!).length === 0) await sleep(5);
    const [first, ...more] = watchersOf(child.pid!);
    expect(more).toEqual([]);
    await goneBy([first!]);
    child.kill("SIGUSR2");
    await numberIn(folder.join("again"));
    expect(await once(child, "exit")).toEqual([0, null]);
    while (watchersOf(child.pid!).length > 0) await sleep(5);
  });

  test("is started again when it has been ended, and knows what runs", async () => {
    const [one, other] = [stubborn(), stubborn()];
    const child = start(`${one.source}process.on("SIGUSR2", () => { ${other.source} });`);
    const pids = await one.pids();
    const [watcher] = watchersOf(child.pid!);
    process.kill(watcher!, "SIGKILL");
    await goneBy([watcher!]);
    await sleep(50); // time enough to hear of it
    child.kill("SIGUSR2");
    pids.push(...(await other.pids()));
    child.kill("SIGKILL");
    await goneBy(pids);
  });

  test("cannot be told to end by what ends its process", async () => {
    const one = stubborn();
    const child = start(one.source);
    const pids = await one.pids();
    const [watcher] = watchersOf(child.pid!);
    for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.kill(watcher!, signal);
    child.kill("SIGKILL");
    await goneBy(pids);
  });
});
