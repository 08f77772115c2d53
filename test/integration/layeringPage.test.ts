/** The examples of docs/layering.md make the layers that the page shows, and those of the pipeline's description. */
import { readFileSync, writeFileSync } from "node:fs";
import nodePath from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runMain } from "../cli/commandLine.js";
import { referenceLayers } from "../layering/pipelines.js";
import { projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

interface Entry {
  readonly path: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

const page = readFileSync(nodePath.join(projectRoot, "docs/layering.md"), "utf8");
const graphFile = nodePath.join(projectRoot, "docs/examples/shop-graph.json");
const entries = JSON.parse(readFileSync(graphFile, "utf8")) as Entry[];
const paths = new Map(entries.map(({ path }) => [path.replace(/^.*?-/, ""), path]));

const examples = page
  .split("\n### ")
  .slice(1)
  .flatMap((section) => {
    const [title = ""] = section.split("\n", 1);
    const blocks = section.matchAll(/```json\n(.*?)```\n\n```text\n(.*?)```/gs);
    return Array.from(blocks, ([, pipeline = "", shown = ""]) => ({ title, pipeline, shown }));
  });

describe("the page on layers", () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  test("has examples, each pipeline of them with its layers", () => {
    expect(examples.length).toBeGreaterThan(5);
    expect(examples).toHaveLength(page.match(/```json\n/g)?.length ?? 0);
  });

  test.each(examples)("shows the layers of: $title", async ({ pipeline, shown }) => {
    const whole = pipeline.replaceAll(/\/nix\/store\/…-([\w.-]+)/g, (_, name: string) => paths.get(name)!);
    writeFileSync(folder.join("layers.json"), whole);
    const argv = ["layers", "--graph", graphFile, "--pipeline", folder.join("layers.json")];
    const plain = await runMain([...argv, paths.get("shop-1.0")!]);
    expect(plain.stdout.toString()).toBe(shown);

    const { stdout } = await runMain([...argv, paths.get("shop-1.0")!, "--json"]);
    const { layers } = JSON.parse(stdout.toString()) as { layers: { paths: string[] }[] };
    const nodes = entries
      .map(({ path, narSize, references }) => ({ name: path, narSize, references }))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
    const [expected] = await referenceLayers([{ nodes, pipeline: JSON.parse(whole) as unknown[] }]);
    expect(layers.map((layer) => layer.paths)).toEqual(expected);
  });
});
