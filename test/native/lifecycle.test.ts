/** What happens to the process around a connection. Each case is a process of its own: what must not happen is its crash. */
import { spawn } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import { builtFile } from "../support/builtFile.js";
import { FakeDaemon, type Peer, wire } from "../support/fakeDaemon.js";

const ADDON = process.env.LAMINIX_ADDON ?? builtFile("addon.node");
const PATH = `/nix/store/${"0".repeat(32)}-path`;

/** What every script starts with. */
const PRELUDE = `
  const { connect } = require(${JSON.stringify(ADDON)});
  const open = (onClose) => connect({ socket: require("node:worker_threads").workerData ?? process.argv[1] }, { handshakeTimeout: 60_000, onClose });
  const path = ${JSON.stringify(PATH)};
`;

let daemon: FakeDaemon | undefined;
afterEach(async () => {
  await daemon?.close();
  daemon = undefined;
});

/** Greets and answers the first question; leaves all others unanswered. */
async function answersOnce(peer: Peer): Promise<void> {
  await peer.greet();
  await peer.request();
  peer.send(wire.answer(wire.number(1)));
  for (;;) await peer.request();
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

async function run(script: string, behaviour = answersOnce): Promise<Ending> {
  daemon = await FakeDaemon.listen(behaviour);
  const child = spawn(process.execPath, ["-e", PRELUDE + script, daemon.socket], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, output }));
  });
}

const inWorker = (script: string, then: string) => `
  const { Worker } = require("node:worker_threads");
  const script = ${JSON.stringify(PRELUDE + script)};
  const workers = Array.from({ length: 4 }, () => new Worker(script, { eval: true, workerData: process.argv[1] }));
  for (const worker of workers) worker.on("error", (error) => { throw error; });
  ${then}
`;

const fine = { code: 0, signal: null };

describe("a process", () => {
  it("ends by itself after one question", async () => {
    expect(await run(`open().ask("isValidPath", { path }).promise.then(console.log);`)).toEqual({
      ...fine,
      output: "true\n",
    });
  });

  it("ends by itself with an idle connection", async () => {
    expect(await run(`open().ready.then(() => console.log("ready"));`)).toEqual({
      ...fine,
      output: "ready\n",
    });
  });

  it("is kept alive by an unanswered question", async () => {
    const script = `
      const connection = open();
      connection.ask("isValidPath", { path }).promise.then(() => {
        connection.ask("isValidPath", { path }).promise.catch((error) => console.log(error.code));
        setTimeout(() => connection.close(), 50).unref();
        setTimeout(() => undefined, 100);
      });
    `;
    expect(await run(script)).toEqual({ ...fine, output: "ERR_DAEMON_DISCONNECTED\n" });
  });

  it("is not kept alive by a cancelled question", async () => {
    const script = `
      const connection = open();
      connection.ask("isValidPath", { path }).promise.then(() => {
        const call = connection.ask("isValidPath", { path });
        call.promise.catch((error) => console.log(error.code));
        call.cancel();
      });
    `;
    expect(await run(script)).toEqual({ ...fine, output: "ERR_CANCELLED\n" });
  });

  it("may exit in the handshake", async () => {
    expect(await run(`open(); process.exit(0);`)).toEqual({ ...fine, output: "" });
  });

  it("may exit with a question in flight", async () => {
    const script = `
      const connection = open();
      connection.ask("isValidPath", { path }).promise.then(() => {
        connection.closure("/nix/store", [path]);
        setImmediate(() => process.exit(0));
      });
    `;
    expect(await run(script)).toEqual({ ...fine, output: "" });
  });

  it("may exit while a program is its daemon", async () => {
    const script = `
      connect({ program: process.execPath, args: ["-e", "process.stdin.resume()"] }, { handshakeTimeout: 60_000 });
      setTimeout(() => process.exit(0), 20);
    `;
    expect(await run(script)).toEqual({ ...fine, output: "" });
  });

  it("dies of an exception in onClose as of any other", async () => {
    const script = `
      process.on("uncaughtException", (error) => { console.log(error.message); process.exit(0); });
      const connection = open(() => { throw new Error("thrown by onClose"); });
      setInterval(() => connection, 1000);
    `;
    const ending = await run(script, (peer) => peer.greet());
    expect(ending).toEqual({ ...fine, output: "thrown by onClose\n" });
  });
});

describe("a worker thread", () => {
  it("ends by itself with an idle connection", async () => {
    const ending = await run(
      inWorker(`open().ready;`, `for (const worker of workers) worker.on("exit", console.log);`),
    );
    expect(ending).toEqual({ ...fine, output: "0\n0\n0\n0\n" });
  });

  it("may be terminated with questions in flight", async () => {
    const script = `
      const { parentPort } = require("node:worker_threads");
      const connection = open();
      connection.ready.then(() => {
        for (let i = 0; i < 1000; i++) connection.ask("isValidPath", { path }).promise.catch(() => undefined);
        parentPort.postMessage("asked");
      });
    `;
    const ending = await run(
      inWorker(
        script,
        `for (const worker of workers) worker.once("message", () => worker.terminate().then(() => console.log("ended")));`,
      ),
    );
    expect(ending).toEqual({ ...fine, output: "ended\n".repeat(4) });
  });

  it("may be terminated at any moment", async () => {
    const script = `open().ask("isValidPath", { path }).promise.catch(() => undefined);`;
    const then = `workers.forEach((worker, i) => setTimeout(() => worker.terminate().then(() => console.log("ended")), 15 * i));`;
    expect(await run(inWorker(script, then))).toEqual({ ...fine, output: "ended\n".repeat(4) });
  });

  it("may exit with a question in flight", async () => {
    const script = `
      const connection = open();
      connection.ready.then(() => {
        connection.ask("allValidPaths", {});
        process.exit(0);
      });
    `;
    const ending = await run(
      inWorker(script, `for (const worker of workers) worker.on("exit", console.log);`),
    );
    expect(ending).toEqual({ ...fine, output: "0\n0\n0\n0\n" });
  });
});

describe("a connection that nobody holds", () => {
  it("is closed, unless a question is in flight", async () => {
    const script = `
      let call = (() => {
        const connection = open(() => console.log(connection, "never"));
        return connection.ask("isValidPath", { path });
      })();
      global.gc();
      call.promise.then(async (valid) => {
        console.log(valid);
        call = undefined;
        for (let i = 0; i < 20; i++) {
          await new Promise((resolve) => setImmediate(resolve));
          global.gc();
        }
        console.log("collected");
        setInterval(() => global.gc(), 20).unref();
        // Runs on until the test has seen the connection end.
        process.stdin.resume();
      });
    `;
    daemon = await FakeDaemon.listen(answersOnce);
    const child = spawn(process.execPath, ["--expose-gc", "-e", PRELUDE + script, daemon.socket], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
    await new Promise<void>((resolve) => {
      child.stdout.on("data", () => output.includes("collected") && resolve());
    });
    // Ends only when the daemon sees its client go, while the process itself still runs.
    await daemon.idle();
    child.stdin.end();
    expect(await ended).toEqual(fine);
    expect(output).toBe("true\ncollected\n");
  });
});
