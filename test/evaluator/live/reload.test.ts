import { once } from "node:events";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { openEvaluator } from "laminix/evaluator";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/temporary.js";
import { describeEachNix, failure, markedEnvironment } from "./lives.js";

describeEachNix("an evaluator whose files change", (release) => {
  test("goes on with what it has read, until it reloads", async () => {
    await using folder = await temporaryFolder("reload");
    writeFileSync(folder.join("default.nix"), "{ a = import ./part.nix; id = x: x; }");
    writeFileSync(folder.join("part.nix"), "1");
    const { env } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env });
    const set = await evaluator.load({ file: folder.path });
    const called = await set.get("id").call(5);
    expect(await set.get("a").toJS()).toBe(1);
    writeFileSync(folder.join("part.nix"), "2");
    expect(await set.get("a").toJS()).toBe(1);
    await evaluator.reload();
    expect(await set.get("a").toJS()).toBe(2);
    expect(await failure(called.toJS())).toMatchObject({ code: "ERR_EVALUATOR_STALE" });
    expect(await failure(evaluator.all([set.get("a"), called]))).toMatchObject({
      code: "ERR_EVALUATOR_STALE",
    });
    expect(await failure(set.get("id").call(called))).toMatchObject({ code: "ERR_EVALUATOR_STALE" });

    writeFileSync(folder.join("part.nix"), "{ b = ");
    await evaluator.reload();
    expect(await failure(set.get("a").toJS())).toMatchObject({
      code: "ERR_EVALUATION",
      message: expect.stringMatching(/unexpected end of file at .*part\.nix:1:\d+$/),
    });
    expect(await set.keys()).toEqual(["a", "id"]);
    writeFileSync(folder.join("part.nix"), "3");
    await evaluator.reload();
    expect(await set.get("a").toJS()).toBe(3);
  });

  test("that it watches answers from what is in them now, and tells which", async () => {
    await using folder = await temporaryFolder("watch");
    mkdirSync(folder.join("deep"));
    writeFileSync(folder.join("default.nix"), "{ a = import ./deep/part.nix; }");
    writeFileSync(folder.join("deep/part.nix"), "1");
    writeFileSync(folder.join("deep/other.nix"), "1");
    const { env } = markedEnvironment(release);
    await using evaluator = await openEvaluator({ env, watch: true });
    const set = await evaluator.load({ file: folder.path });
    expect(await set.get("a").toJS()).toBe(1);
    const files: string[] = [];
    evaluator.on("change", (event) => files.push(...event.files));

    const rewrite = async (change: () => void): Promise<void> => {
      const changed = once(evaluator, "change");
      change();
      await changed;
    };
    await rewrite(() => writeFileSync(folder.join("deep/part.nix"), "2"));
    expect(await set.get("a").toJS()).toBe(2);
    // As editors do it.
    await rewrite(() => {
      writeFileSync(folder.join("deep/part.nix~"), "3");
      renameSync(folder.join("deep/part.nix~"), folder.join("deep/part.nix"));
    });
    expect(await set.get("a").toJS()).toBe(3);
    await rewrite(() => rmSync(folder.join("deep/part.nix")));
    expect(await failure(set.get("a").toJS())).toMatchObject({ code: "ERR_EVALUATION" });
    await rewrite(() => writeFileSync(folder.join("deep/part.nix"), "4"));
    expect(await set.get("a").toJS()).toBe(4);
    expect(new Set(files)).toEqual(new Set([folder.join("deep/part.nix")]));

    files.length = 0;
    writeFileSync(folder.join("deep/other.nix"), "2");
    await rewrite(() => writeFileSync(folder.join("default.nix"), "{ a = 5; }"));
    expect(await set.get("a").toJS()).toBe(5);
    expect(files).not.toContain(folder.join("deep/other.nix"));
  });
});
