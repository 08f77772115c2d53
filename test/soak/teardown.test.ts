/** Environments that end at any moment, and rounds without end: nothing crashes, and nothing is left behind. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { FakeDaemon } from "../support/fakeDaemon.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { repetitions } from "../support/repetitions.js";
import { describeWith } from "../support/requirements.js";
import type { RunResult } from "../support/run.js";
import { moduleUrl, runScript } from "../support/script.js";

const path = (storeDir: string, number: number): string =>
  `${storeDir}/${String(number).padStart(32, "0")}-path`;

/**
 * Lines of a script: `held()` counts the pipes and sockets, the threads and the started processes of its own, once
 * nothing changes any more. Other descriptors do not count: of a worker that ends while it imports, Node leaves the
 * modules' files open.
 */
const counting = `
  import { readdirSync, readFileSync, readlinkSync } from "node:fs";
  import { setTimeout as sleep } from "node:timers/promises";
  const childrenOf = (thread) => {
    try {
      return readFileSync("/proc/self/task/" + thread + "/children", "utf8").split(" ").filter(Boolean).length;
    } catch {
      return 0; // the thread has ended
    }
  };
  const isConnected = (descriptor) => {
    try {
      return /^(pipe|socket):/.test(readlinkSync("/proc/self/fd/" + descriptor));
    } catch {
      return false; // the one that the folder was read by
    }
  };
  const count = () => {
    const threads = readdirSync("/proc/self/task");
    const children = threads.map(childrenOf).reduce((sum, number) => sum + number, 0);
    return {
      descriptors: readdirSync("/proc/self/fd").filter(isConnected).length,
      threads: threads.length,
      children,
    };
  };
  async function held() {
    for (let before = ""; ; await sleep(100)) {
      const now = JSON.stringify(count());
      if (now === before) return count();
      before = now;
    }
  }`;

/** How often work in flight is ended, four at a time. */
const ROUNDS = repetitions(24, 100);
/** Stores that are opened, and those of them, the last, during which memory may not grow. */
const STORES = repetitions(2_500, 10_000);
const MEASURED = repetitions(1_500, 6_000);
/** Milliseconds that a script has. */
const LIMIT = 200_000;

function printed(result: RunResult): unknown {
  expect([result.code, result.signal, result.stderr]).toEqual([0, null, ""]);
  return JSON.parse(result.stdout.toString());
}

describeWith(["nix-daemon", "nix-store", "linux"], "work in flight", () => {
  let daemon: TestStore;
  let inFlight: string;
  beforeAll(async () => {
    daemon = await startNixStore();
    // A chain: its closure takes as many round trips as it has paths.
    const numbers = Array.from({ length: 3000 }, (_, number) => number);
    await daemon.registerPaths(
      numbers.map((number) => ({
        path: path(daemon.storeDir, number),
        narHash: "0".repeat(64),
        narSize: 1,
        references: number === 0 ? [] : [path(daemon.storeDir, number - 1)],
      })),
    );
    inFlight = `
      const store = new laminix.NixStore(${JSON.stringify(daemon.uri)});
      const top = ${JSON.stringify(path(daemon.storeDir, 2999))};
      const ignore = () => undefined;
      const answered = store.pathInfo(top);
      store.tempRoots([top]).catch(ignore);
      for (let i = 0; i < 50; i++) store.isValidPath(top).catch(ignore);
      store.closure(top).catch(ignore);
      store.allValidPaths().catch(ignore);
      await answered;`;
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  /** Every connection has a process of the daemon's own, which ends when the other side has gone. */
  async function expectNoConnection(): Promise<void> {
    const place = `/proc/${daemon.daemonPid}/task/${daemon.daemonPid}/children`;
    await vi.waitFor(() => expect(readFileSync(place, "utf8")).toBe(""), { timeout: 60_000 });
  }

  test("ends with its worker thread, time after time, at any moment", async () => {
    const worker = `
      import(${JSON.stringify(moduleUrl("index.js"))}).then(async (laminix) => {
        ${inFlight}
        require("node:worker_threads").parentPort.postMessage("answered");
      });`;
    const script = `${counting}
      import { Worker } from "node:worker_threads";
      import { once } from "node:events";
      async function round(number) {
        const worker = new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [] });
        if (number % 4 === 0) await sleep(number);
        else await once(worker, "message");
        await sleep(number % 7);
        await worker.terminate();
      }
      const four = (first) => Promise.all([0, 1, 2, 3].map((more) => round(first + more)));
      await four(0);
      const before = await held();
      for (let first = 4; first < ${ROUNDS}; first += 4) await four(first);
      print({ before, after: await held() });`;
    const { before, after } = printed(await runScript(script, { timeout: LIMIT })) as {
      before: object;
      after: object;
    };
    expect(after).toEqual(before);
    await expectNoConnection();
  });

  test("ends with its process, time after time, at any moment", async () => {
    const round = async (number: number): Promise<void> => {
      const script = `
        ${inFlight}
        setTimeout(() => process.exit(7), ${number % 10});`;
      const { code, signal, stderr } = await runScript(script);
      expect([code, signal, stderr]).toEqual([7, null, ""]);
    };
    for (let first = 0; first < ROUNDS; first += 4) {
      await Promise.all([0, 1, 2, 3].map((more) => round(first + more)));
    }
    await expectNoConnection();
  });

  test("of started daemons ends with their stores, time after time", async () => {
    const script = `${counting}
      async function rounds(count) {
        for (let i = 0; i < count; i++) {
          const store = await laminix.openStore("auto");
          store.closure(${JSON.stringify(path(daemon.storeDir, 2999))}).catch(() => undefined);
          await store.close();
        }
      }
      await rounds(5);
      const before = await held();
      await rounds(${ROUNDS});
      print({ before, after: await held() });`;
    await daemon.stopDaemon();
    try {
      const result = await runScript(script, { env: { ...daemon.env, NIX_REMOTE: undefined } });
      const { before, after } = printed(result) as { before: object; after: object };
      expect(before).toMatchObject({ children: 0 });
      expect(after).toEqual(before);
    } finally {
      await daemon.startDaemon();
    }
  });
});

describeWith(["linux"], "thousands of stores, opened, asked and closed,", () => {
  test("leave no descriptor, no thread, no child behind, and no memory that grows", async () => {
    const storeDir = "/nix/store";
    const known = path(storeDir, 1);
    await using daemon = await FakeDaemon.serving(new Map([[known, { references: [known] }]]));
    const script = `${counting}
      async function round() {
        const store = await laminix.openStore(${JSON.stringify(`unix://${daemon.socket}`)});
        const { size } = await store.closure(${JSON.stringify(known)});
        if (size !== 1) throw new Error("a closure of " + size);
        await store.close();
      }
      async function rounds(count) {
        for (let i = 0; i < count; i += 4) await Promise.all([round(), round(), round(), round()]);
      }
      await rounds(${STORES - MEASURED});
      const before = await held();
      const memory = process.memoryUsage.rss();
      await rounds(${MEASURED});
      print({ before, after: await held(), grown: process.memoryUsage.rss() - memory });`;
    const { before, after, grown } = printed(await runScript(script, { timeout: LIMIT })) as {
      readonly before: { children: number };
      readonly after: object;
      readonly grown: number;
    };
    expect(daemon.connections).toBe(STORES);
    expect(before.children).toBe(0);
    expect(after).toEqual(before);
    expect(grown).toBeLessThan(2 ** 25);
  });
});
