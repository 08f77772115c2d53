/** The addon's encoders, and what happens to the process around them: what must not happen is its crash. */
import { createRequire } from "node:module";
import { inflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { builtFile } from "../support/builtFile.js";
import { Random } from "../support/random.js";
import { mustRun } from "../support/run.js";

const ADDON = process.env.LAMINIX_ADDON ?? builtFile("addon.node");

interface Encoded {
  readonly length: number;
  readonly crc32: number;
}
interface Call {
  readonly promise: Promise<Encoded>;
  cancel(): void;
}
interface Addon {
  readonly encoders: { readonly libdeflate: string; readonly zstd: string };
  encode(options: unknown, memory: unknown, length: unknown): Call;
}
const addon = createRequire(import.meta.url)(ADDON) as Addon;

const gz = { format: "gz", level: 6, jobs: 2 };

function memoryOf(bytes: Uint8Array): ArrayBuffer {
  const memory = new ArrayBuffer(bytes.length + 5000);
  new Uint8Array(memory).set(bytes);
  return memory;
}

/** Begins eight chunks of a megabyte, each of which takes some hundred milliseconds. */
const BEGIN = `
  const { encode } = require(${JSON.stringify(ADDON)});
  const begin = () => Array.from({ length: 8 }, () => {
    const memory = new ArrayBuffer(1_100_000);
    const bytes = new Uint8Array(memory);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (i * i) % 251 & (i >> 7);
    const call = encode({ format: "gz", level: 12, jobs: 4 }, memory, 1_000_000);
    call.promise.catch(() => undefined);
    return call;
  });
`;

async function output(script: string): Promise<string> {
  const { stdout, stderr } = await mustRun(process.execPath, ["-e", BEGIN + script], { timeout: 300_000 });
  expect(stderr).toBe("");
  return stdout.toString();
}

const inWorkers = (script: string, then: string): string => `
  const { Worker } = require("node:worker_threads");
  const workers = Array.from({ length: 3 }, () => new Worker(${JSON.stringify(BEGIN + script)}, { eval: true }));
  for (const worker of workers) worker.on("error", (error) => { throw error; });
  ${then}
`;

describe("the addon", () => {
  it("names the versions of its encoders", () => {
    expect(addon.encoders).toEqual({
      libdeflate: expect.stringMatching(/^1\.\d+/) as string,
      zstd: expect.stringMatching(/^1\.\d+\.\d+$/) as string,
    });
  });

  it("encodes a chunk in its own memory, with blocks of which none is the last", async () => {
    const bytes = Buffer.concat([new Random(1).bytes(20_000), Buffer.alloc(80_000, "some text; ")]);
    const memory = memoryOf(bytes);
    const { length } = await addon.encode(gz, memory, bytes.length).promise;
    const encoded = Buffer.from(memory, 0, length);
    expect(() => inflateRawSync(encoded)).toThrow(/unexpected end/);
    expect(inflateRawSync(Buffer.concat([encoded, Buffer.of(3, 0)])).equals(bytes)).toBe(true);
  });

  it("refuses what is no chunk", () => {
    const memory = new ArrayBuffer(100);
    for (const [options, given, length] of [
      [undefined, memory, 10],
      [{ ...gz, format: "xz" }, memory, 10],
      [{ ...gz, level: 13 }, memory, 10],
      [{ ...gz, level: 1.5 }, memory, 10],
      [{ ...gz, jobs: -1 }, memory, 10],
      [gz, new Uint8Array(100), 10],
      [gz, memory, 101],
      [gz, memory, NaN],
    ] as const) {
      expect(() => addon.encode(options, given, length)).toThrow(TypeError);
    }
  });

  it("fails where a chunk does not fit into its memory", async () => {
    const { buffer } = Uint8Array.from(new Random(2).bytes(1000));
    await expect(addon.encode(gz, buffer, 1000).promise).rejects.toThrow(/does not fit/);
    await expect(addon.encode({ ...gz, format: "zstd" }, buffer, 1000).promise).rejects.toThrow(/zstd: /);
  });

  it("does not begin what is cancelled", async () => {
    const memories = Array.from({ length: 6 }, () => memoryOf(Buffer.alloc(500_000, "text; ")));
    const calls = memories.map((memory) => addon.encode({ ...gz, jobs: 1 }, memory, 500_000));
    const last = calls.at(-1);
    last?.cancel();
    await expect(last?.promise).rejects.toMatchObject({ code: "ERR_CANCELLED" });
    expect(Buffer.from(memories.at(-1) ?? new ArrayBuffer(0), 0, 6).toString()).toBe("text; ");
    await Promise.all(calls.slice(0, -1).map(({ promise }) => promise));
    // Nor does it mind what is done.
    for (const call of calls) call.cancel();
  });
});

describe("a process that encodes", () => {
  it("is kept alive until it is done, and no longer", async () => {
    expect(
      await output(`Promise.all(begin().map(({ promise }) => promise)).then(() => console.log("done"));`),
    ).toBe("done\n");
  });

  it("ends when what it began is cancelled", async () => {
    expect(await output(`for (const call of begin()) call.cancel(); console.log("cancelled");`)).toBe(
      "cancelled\n",
    );
  });

  it("may exit in the middle", async () => {
    expect(await output(`begin(); setTimeout(() => process.exit(0), 50); console.log("begun");`)).toBe(
      "begun\n",
    );
  });
});

describe("a worker thread that encodes", () => {
  it("may be terminated in the middle", async () => {
    const script = `begin(); require("node:worker_threads").parentPort.postMessage("begun");`;
    const then = `for (const worker of workers) worker.once("message", () => worker.terminate().then(() => console.log("ended")));`;
    expect(await output(inWorkers(script, then))).toBe("ended\n".repeat(3));
  });

  it("may exit in the middle", async () => {
    const then = `for (const worker of workers) worker.on("exit", console.log);`;
    expect(await output(inWorkers(`begin(); process.exit(0);`, then))).toBe("0\n0\n0\n");
  });
});
