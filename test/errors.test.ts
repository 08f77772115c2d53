import { readFileSync } from "node:fs";
import path from "node:path";
import { type ArgumentError, LaminixError } from "laminix";
import { expect, test } from "vitest";
import {
  requireCount,
  requireOneOf,
  requireOptions,
  requireString,
  requireStrings,
} from "../dist/arguments.js";
import { projectRoot } from "./support/run.js";

const read = (file: string): string => readFileSync(path.join(projectRoot, file), "utf8");

test("docs/errors.md lists the codes that the code has, and no others", () => {
  const union = /export type ErrorCode =([^;]*);/.exec(read("src/errors.ts"))?.[1] ?? "";
  const inCode = [...union.matchAll(/"(ERR_\w+)"/g)].map(([, code]) => code);
  const inDocs = [...read("docs/errors.md").matchAll(/^\| `(ERR_\w+)`/gm)].map(([, code]) => code);
  expect(inDocs.sort()).toEqual(inCode.sort());
});

test("a wrong argument is a TypeError and a coded error, and named", () => {
  const cases: [() => void, string, string][] = [
    [() => requireString(1, "path"), "path", "path must be a string; received the number 1"],
    [() => requireStrings(["a", null], "paths"), "paths[1]", "paths[1] must be a string; received null"],
    [
      () => requireOneOf("sideways", ["references", "referrers"], "options.direction"),
      "options.direction",
      'options.direction must be one of "references", "referrers"; received "sideways"',
    ],
    [() => requireCount(-1, "max"), "max", "max must be a whole number from 0 up; received the number -1"],
    [() => requireOptions([]), "options", "options must be an object; received an array"],
    [
      () => requireOptions({ signal: {} }),
      "options.signal",
      "options.signal must be an AbortSignal; received an object",
    ],
  ];
  for (const [call, argument, message] of cases) {
    const error = (() => {
      try {
        call();
      } catch (thrown) {
        return thrown as ArgumentError;
      }
      throw new Error("nothing was thrown");
    })();
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toBeInstanceOf(LaminixError);
    expect(error).toMatchObject({ code: "ERR_ARGUMENT", message, details: { argument } });
  }
});
