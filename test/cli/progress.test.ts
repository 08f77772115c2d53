import { expect, test } from "vitest";
import type { Io } from "../../dist/cli/io.js";
import { progress } from "../../dist/cli/progress.js";
import type { ProgressEvent } from "../../dist/progress.js";

test("the bar of what is fetched begins anew with each image", () => {
  const drawn: string[] = [];
  const stderr = {
    isTerminal: true,
    columns: 80,
    erase: () => undefined,
    write: (text: string) => drawn.push(text.slice(0, 26)),
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
