import { describe, expect, test } from "vitest";
import { formatReference, parseReference } from "../../dist/manifests/reference.js";
import { failureOf } from "../support/failure.js";

const digest = `sha256:${"0a".repeat(32)}`;

test.each(["localhost:99999/x", "256.256.256.256/x", "[:::::]/x", "xn--a.example/x"])(
  "%s names no registry that could be asked",
  (text) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({
        code: "ERR_REFERENCE",
        message: expect.stringContaining("is not the name of a registry"),
      }),
    );
  },
);

describe("a reference to a registry", () => {
  test.each([
    ["nginx", "docker.io", "library/nginx", undefined, undefined],
    ["nginx:1.27", "docker.io", "library/nginx", "1.27", undefined],
    ["a/b:c", "docker.io", "a/b", "c", undefined],
    ["index.docker.io/a", "docker.io", "library/a", undefined, undefined],
    [`docker.io/library/a@${digest}`, "docker.io", "library/a", undefined, digest],
    ["localhost/a", "localhost", "a", undefined, undefined],
    ["localhost:5000/a:5000", "localhost:5000", "a", "5000", undefined],
    [`ghcr.io/o-o/r__r.x/a:T_-.1@${digest}`, "ghcr.io", "o-o/r__r.x/a", "T_-.1", digest],
    ["[::1]:5000/a", "[::1]:5000", "a", undefined, undefined],
    ["HOST.example/a", "HOST.example", "a", undefined, undefined],
  ])("%s is taken apart as Docker does", (text, registry, repository, tag, its) => {
    const reference = parseReference(text);
    expect(reference).toEqual({ registry, repository, tag, digest: its });
    expect(parseReference(formatReference(reference))).toEqual(reference);
  });

  test.each([
    ...[
      "",
      ":1",
      "a:",
      "a:b:c",
      "A/b",
      "a//b",
      "a/b/",
      "/a",
      "a b",
      "a:-x",
      `a:${"x".repeat(129)}`,
      "x".repeat(300),
    ],
    ...[
      "a@",
      "a@sha256:00",
      `a@${digest}@${digest}`,
      `a@${digest.toUpperCase()}`,
      "-h.example/a",
      "h.example:x/a",
    ],
    ...[
      "https://h.example/a",
      "a..b/c",
      "../a",
      "h.example/../a",
      "h.example/a?b",
      "h.example/a%2f",
      "u:p@h.example/a",
    ],
  ])("%j is none", async (text) => {
    expect(await failureOf(Promise.resolve().then(() => parseReference(text)))).toMatchObject({
      code: "ERR_REFERENCE",
    });
  });
});
