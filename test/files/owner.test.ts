import { spawnSync } from "node:child_process";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { isLeftBehind, ownTag } from "../../dist/files/owner.js";
import { projectRoot } from "../support/run.js";

/** The tag of a process that has ended. */
function deadTag(): string {
  const program = `import(${JSON.stringify(path.join(projectRoot, "dist/files/owner.js"))}).then(({ ownTag }) => console.log(ownTag()))`;
  return spawnSync(process.execPath, ["-e", program], { encoding: "utf8" }).stdout.trim();
}

describe("a temporary file's owner", () => {
  test("that runs is left alone", () => {
    expect(isLeftBehind(ownTag())).toBe(false);
  });

  test("that has ended has left it behind", () => {
    expect(isLeftBehind(deadTag())).toBe(true);
  });

  test("that has ended has left it behind, though another process has its number now", () => {
    const [, start, ...rest] = deadTag().split("-");
    expect(isLeftBehind([process.pid.toString(36), start, ...rest].join("-"))).toBe(true);
  });

  test.each(["", "partial", "1-1-00000000-00000000", "1-1-zz-00000000", "../x"])(
    "is not known from %j",
    (tag) => {
      expect(isLeftBehind(tag)).toBe(false);
    },
  );

  test("has another tag for each file", () => {
    expect(ownTag()).not.toBe(ownTag());
  });
});
