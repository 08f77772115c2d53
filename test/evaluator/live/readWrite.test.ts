import { readFile } from "node:fs/promises";
import { openEvaluator } from "laminix/evaluator";
import { expect, test } from "vitest";
import { nixes } from "../../support/nixes.js";
import { startNixStore } from "../../support/nixStore.js";
import { describeWith } from "../../support/requirements.js";
import { failure } from "./lives.js";

const source = `
  let it = name: script: derivation {
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" script ];
  };
  in {
    good = it "good" "echo built > $out";
    bad = it "bad" "echo it broke >&2; exit 3";
    imported = import (it "number" "echo 42 > $out");
    text = "text";
  }`;

for (const { release, name, needs } of nixes) {
  describeWith(needs, `an evaluator that may write, with ${name}`, () => {
    test("builds derivations, and what evaluation needs", async () => {
      await using store = await startNixStore({ nix: release });
      await using evaluator = await openEvaluator({ env: store.env, mode: "read-write" });
      const set = await evaluator.load(source);
      const [path = ""] = await set.get("good").build();
      expect(await readFile(store.realPath(path), "utf8")).toBe("built\n");
      expect(await set.get("imported").toJS()).toBe(42);
      expect(await failure(set.get("bad").build())).toMatchObject({
        code: "ERR_BUILD",
        details: { results: [{ log: ["it broke"] }] },
      });
      expect(await failure(set.get("text").build())).toMatchObject({ code: "ERR_DERIVATION" });
      expect(await set.get("text").toJS()).toBe("text");
    });

    test("that is read-only leaves the store as it was, and says what would have to be built", async () => {
      await using store = await startNixStore({ nix: release });
      await using evaluator = await openEvaluator({ env: store.env });
      const set = await evaluator.load(source);
      const { drvPath } = (await set.get("good").toJS({ drvPath: true })) as { drvPath: string };
      expect(drvPath).toMatch(/-good\.drv$/);
      expect(await failure(set.get("imported").toJS())).toMatchObject({ code: "ERR_EVALUATION_BUILDS" });
      expect(await failure(set.get("good").build())).toMatchObject({ code: "ERR_EVALUATOR_READ_ONLY" });
      const { stdout } = await store.run("nix-store", ["--gc", "--print-dead"]);
      expect(stdout.toString()).toBe("");
    });
  });
}
