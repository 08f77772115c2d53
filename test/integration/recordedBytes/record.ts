import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Digests } from "./digests.js";

const isRecording = process.env["LAMINIX_RECORD"] === "true";

export interface Recorded {
  /** A test that something has the bytes that are recorded under its name. */
  recordedTest(name: string, digests: () => Promise<Digests>): void;
  /** Asserts that something else has the bytes of a name. */
  expectRecorded(name: string, digests: Digests): void;
}

/**
 * Digests of bytes that must not change by accident, in a file of JSON beside the test file. They hold on every machine,
 * so no encoder's output is among them. With `LAMINIX_RECORD=true` what is made in this run is written there.
 */
export function recordBeside(testFile: string): Recorded {
  const file = testFile.replace(/\.test\.ts$/, ".json");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "{}";
  const recorded = JSON.parse(text) as Readonly<Record<string, Digests>>;
  const made = new Map<string, Digests>();
  const names: string[] = [];
  const hint = `Bytes have changed. Where that is on purpose, record them anew, and say why in the commit:
LAMINIX_RECORD=true npx vitest run ${path.relative(process.cwd(), testFile)}`;

  // A test that was skipped or left out keeps its record.
  afterAll(() => {
    if (!isRecording) return;
    const entries = names.map((name) => [name, made.get(name) ?? recorded[name]]);
    writeFileSync(file, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
  });
  test("the record has nothing that no test makes", () => {
    if (!isRecording) expect(Object.keys(recorded)).toEqual(names);
  });

  return {
    recordedTest: (name, digests) => {
      names.push(name);
      test(name, async () => {
        const actual = await digests();
        made.set(name, actual);
        if (!isRecording) expect(actual, hint).toEqual(recorded[name]);
      });
    },
    expectRecorded: (name, digests) => expect(digests, hint).toEqual(made.get(name) ?? recorded[name]),
  };
}
