import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Io } from "../../dist/cli/io.js";
import { progress } from "../../dist/cli/progress.js";
import type { ProgressEvent } from "../../dist/progress.js";
import { archiveOf, layerOf } from "../support/images.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { runMain } from "./commandLine.js";

test("the bar of what is fetched begins anew with each image", () => {
  const drawn: string[] = [];
  const stderr = {
    isTerminal: true,
    columns: 80,
    erase: () => undefined,
    write: () => undefined,
    draw: (text: string) => drawn.push(text.slice(0, 26)),
  };
  const { onProgress } = progress({ stderr } as unknown as Io, {});
  const fetched = (digest: string, size: number): ProgressEvent => ({
    ...{ type: "fetch", index: 0, count: 1, received: size, size, total: size },
    digest: `sha256:${digest}`,
  });
  onProgress(fetched("a", 1000));
  onProgress(fetched("b", 10));
  expect(drawn).toEqual([`[${"#".repeat(24)}]`, `[${"#".repeat(24)}]`]);
});

/** What is written to a terminal, as lines: what was drawn over is among them. */
async function onTerminal(argv: readonly string[]): Promise<string[]> {
  const { code, stderr } = await runMain(argv, { environment: { NO_COLOR: "1" }, stderrOnly: true });
  expect(code).toBe(0);
  // eslint-disable-next-line no-control-regex
  return stderr.split(/\r\x1b\[K|\n/).filter(Boolean);
}

describe("on a terminal", () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
    mkdirSync(folder.join("site"));
    writeFileSync(folder.join("site/page"), "hello\n".repeat(50_000));
    writeFileSync(folder.join("graph.json"), "[]");
    writeFileSync(
      folder.join("spec.json"),
      JSON.stringify({ name: "it", tag: "1", copyToRoot: [folder.join("site")] }),
    );
    const layers = [await layerOf({ a: "a" }), await layerOf({ b: "b" })];
    writeFileSync(folder.join("image.tar"), await archiveOf({ layers, tags: ["it:1"] }));
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  test("progress begins at once, and tells which layer is hashed and how much of it", async () => {
    const output = folder.join("built.tar");
    const argv = ["build-image", folder.join("spec.json"), "-o", output];
    const lines = await onTerminal([...argv, "--graph", folder.join("graph.json")]);
    expect(lines[0]).toBe("planning the image");
    expect(lines).toContainEqual(
      expect.stringMatching(/^\[[#.]{24}\] hashing layer 1\/1 {2}3\d\d kB {2}the image's root$/),
    );
    expect(lines.at(-1)).toMatch(/^it:1 {2}.*built\.tar/);
  });

  test("the root of an image is hashed before its layers are planned, and that is told too", async () => {
    const argv = ["build", folder.join("site"), "-o", folder.join("site.tar")];
    const lines = await onTerminal([...argv, "--graph", folder.join("graph.json")]);
    expect(lines).toContainEqual(expect.stringMatching(/^hashing the image's root {2}3\d\d kB$/));
  });

  test("what an image that is there brings along is not called a base image", async () => {
    const lines = await onTerminal(["merge", folder.join("image.tar"), "-o", folder.join("merged.tar")]);
    expect(lines[0]).toBe(`reading ${folder.join("image.tar")}`.slice(0, 79));
    expect(lines).toContainEqual(expect.stringMatching(/layer 2\/2/));
    expect(lines.join("\n")).not.toContain("base image");
  });

  test("a line says how long it has been there, where nothing is told", async () => {
    vi.useFakeTimers();
    try {
      const drawn: string[] = [];
      const stderr = { isTerminal: true, columns: 80, draw: (text: string) => drawn.push(text) };
      const over = new AbortController();
      progress({ stderr, over: over.signal } as unknown as Io, {}, "reading it");
      await vi.advanceTimersByTimeAsync(2600);
      expect([drawn[0], drawn.at(-1)]).toEqual(["reading it", "reading it  2 s"]);
      over.abort();
      const { length } = drawn;
      await vi.advanceTimersByTimeAsync(5000);
      expect(drawn.length).toBe(length);
    } finally {
      vi.useRealTimers();
    }
  });

  test("elsewhere it is one plain line a layer", async () => {
    const argv = ["merge", folder.join("image.tar"), "-o", folder.join("merged.tar")];
    const { stderr } = await runMain(argv);
    expect(stderr).toMatch(/^(layer \d\/2 {2}sha256:\w{12} {2} +[\d.]+ kB {2}\n){2}1 image .*\n$/);
  });
});
