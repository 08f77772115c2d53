/**
 * The language server, asked by the protocol's own library: how soon it answers, and what memory it takes. Times are from
 * when the question is written, or the process started, to when its answer is read.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CancellationTokenSource } from "vscode-languageserver-protocol/node";
import {
  type LanguageClient,
  type LanguageClientOptions,
  startLanguageClient,
} from "../test/support/languageClient.js";
import { startNixStore } from "../test/support/nixStore.js";
import { randomGraph } from "./support/randomGraph.js";
import { clock, compare, type Cost, measure } from "./support/measure.js";
import { measuredNodes } from "./support/nodes.js";
import { seconds, table } from "./support/table.js";

const PATHS = 10_000;
/** Milliseconds after which a store keeps closures of what has been registered. */
const SETTLED = 3100;
const ROUNDS = 11;
const QUESTIONS = 200;
const LOG = 5_000_000;

/** The most that each is meant to take. */
const targets = {
  first: "start to first answer",
  small: "cold: the small facts",
  cold: "cold: the closure",
  warm: "warm",
  burst: `${QUESTIONS} hovers, all but the last cancelled: the last`,
  log: "a log of 5 MB: opened, and a hover at its end",
};

export async function editor(): Promise<string> {
  // Where nearly all stores are: one that is elsewhere takes a second connection, which starts are measured with too.
  await using store = await startNixStore({ storeDir: "/nix/store" });
  await using elsewhere = await startNixStore();
  const graph = randomGraph(store.storeDir, PATHS);
  await store.registerPaths(graph);
  const names = graph.map(({ path }) => path);
  const root = names.at(-1) ?? "";
  const lone = await store.addTextFile("lone-1.0", "x");
  const other = await elsewhere.addTextFile("lone-1.0", "x");
  const nodes = await measuredNodes();
  await sleep(SETTLED);

  const inServer = async (work: (on: LanguageClient) => Promise<number>): Promise<{ seconds: number }> => {
    await using on = await startLanguageClient({ store: store.uri });
    // Loaded: what is measured is the answer.
    await hoverOver(on, lone);
    return { seconds: (await work(on)) / 1000 };
  };
  await using warm = await startLanguageClient({ store: store.uri });
  await untilRead(warm, root);
  let peak = 0;
  const results = await compare(
    {
      ...Object.fromEntries(
        nodes.flatMap(({ file: node, version }) => [
          [`node ${version}, an empty program`, () => measure([node, "-e", ""])],
          [`node ${version}, ${targets.first}`, () => firstAnswer({ node, store: store.uri }, lone)],
        ]),
      ),
      [`node ${process.versions.node}, ${targets.first}, store elsewhere`]: () =>
        firstAnswer({ store: elsewhere.uri }, other),
      [`hover, closure of ${PATHS.toLocaleString("en")}, ${targets.warm}`]: () =>
        clock(() => hoverOver(warm, root)),
      [`hover, ${targets.small}`]: () => inServer(async (on) => timed(() => hoverOver(on, root))),
      [`hover, ${targets.cold}`]: () => inServer(async (on) => timed(() => untilRead(on, root))),
      "nix path-info -S": () =>
        measure(["nix", "--extra-experimental-features", "nix-command", "path-info", "-S", root], {
          env: store.env,
        }),
      [targets.burst]: () => inServer(async (on) => timed(await burst(on, names.slice(-QUESTIONS)))),
      [targets.log]: () =>
        inServer(async (on) => {
          const line = "building something that nobody asked about\n";
          const text = `${line.repeat(LOG / line.length)}${lone}`;
          const time = await timed(() => hoverOver(on, lone, text));
          await untilRead(on, root);
          peak = Math.max(peak, peakOf(on));
          return time;
        }),
    },
    { rounds: ROUNDS },
  );
  return table(
    ["the language server", "median", "fastest", "slowest"],
    [
      ...Object.entries(results).map(([name, { seconds: median, fastest, slowest }]) => [
        name,
        ...[median, fastest, slowest].map((each) => seconds(each)),
      ]),
      ["peak memory, with the log and the closure", `${Math.round(peak / 1e6)} MB`, "", ""],
    ],
  );
}

async function firstAnswer(options: LanguageClientOptions, path: string): Promise<Pick<Cost, "seconds">> {
  const start = performance.now();
  const on = await startLanguageClient(options);
  await hoverOver(on, path);
  const cost = { seconds: (performance.now() - start) / 1000 };
  await on[Symbol.asyncDispose]();
  return cost;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

let count = 0;

/** Opens a text and asks about its last line. */
async function hoverOver(on: LanguageClient, path: string, text = path): Promise<string> {
  const uri = `file:///bench/${String(++count)}.log`;
  await on.open(uri, text);
  const line = text.split("\n").length - 1;
  const answer = await on.request("textDocument/hover", {
    textDocument: { uri },
    position: { line, character: path.length - 3 },
  });
  return answer.contents.value;
}

/** Asks again and again, as one does who waits for it. */
async function untilRead(on: LanguageClient, path: string): Promise<void> {
  while ((await hoverOver(on, path)).includes("being read"));
}

/** Its texts are open already. */
async function burst(on: LanguageClient, paths: readonly string[]): Promise<() => Promise<void>> {
  const uri = "file:///bench/burst.log";
  await on.open(uri, paths.join("\n"));
  return async () => {
    const asked = paths.map((path, line) => {
      const source = new CancellationTokenSource();
      const params = { textDocument: { uri }, position: { line, character: path.length - 3 } };
      return { source, answer: on.request("textDocument/hover", params, source.token) };
    });
    for (const { source, answer } of asked.slice(0, -1)) {
      answer.catch(() => undefined); // as it was asked for
      source.cancel();
    }
    await asked.at(-1)?.answer;
  };
}

/** Bytes (proc(5), `VmHWM`). */
function peakOf({ child }: LanguageClient): number {
  const status = readFileSync(`/proc/${String(child.pid)}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
