import { expect, test } from "vitest";
import { GraphStore } from "../../../dist/index.js";

const names = Array.from("abcdfghijk").map((letter, i) => {
  const name = [
    ...["openssl-3.0.14", "openssl-3.0.14-bin", "openssl-3.0.14-dev", "zlib-1.3-dev", "hello-2.12"],
    ...["hello-world", "python3-3.11", "python3-3.12", "python3-3.12-doc", "config"],
  ][i];
  return `/nix/store/${letter.repeat(32)}-${String(name)}`;
});
const graph = names.map((path) => ({ path, narSize: 1, references: [] }));
const closure = await GraphStore.parse(JSON.stringify(graph), "graph").closure(names);

test.each([
  ["a".repeat(32), ["openssl-3.0.14"]],
  [`${"b".repeat(32)}-openssl-3.0.14-bin`, ["openssl-3.0.14-bin"]],
  ["openssl", ["openssl-3.0.14"]],
  ["openssl-3.0.14", ["openssl-3.0.14"]],
  ["openssl-3.0.14-dev", ["openssl-3.0.14-dev"]],
  ["zlib", ["zlib-1.3-dev"]],
  ["zlib-1.3", ["zlib-1.3-dev"]],
  ["hello", ["hello-2.12"]],
  ["hello-world", ["hello-world"]],
  ["python3", ["python3-3.11", "python3-3.12"]],
  ["python3-3.12", ["python3-3.12"]],
  ["config", ["config"]],
  ["OpenSSL", []],
  ["ssl", []],
  ["", []],
])("%j names %j", (word, expected) => {
  expect(
    closure
      .named(word)
      .map((path) => path.slice(44))
      .sort(),
  ).toEqual(expected);
});

test("a word is a string", () => {
  expect(() => closure.named(1 as never)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
});
