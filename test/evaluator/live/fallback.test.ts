/** Where `nix repl` does not start, as it would not with a Nix that is too old or has none. */
import { chmodSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { type LogEvent, openEvaluator } from "laminix/evaluator";
import { expect, test } from "vitest";
import { nixes, searchPath } from "../../support/nixes.js";
import { describeWith } from "../../support/requirements.js";
import { temporaryFolder } from "../../support/temporary.js";
import { failure } from "./lives.js";

for (const { release, name, needs } of nixes) {
  describeWith(needs, `an evaluator without a prompt, with ${name}`, () => {
    test("answers the same, and says once that it takes longer", async () => {
      await using folder = await temporaryFolder("no-repl");
      writeFileSync(folder.join("nix"), "#!/bin/sh\necho 'no repl here' >&2\nexit 1\n");
      chmodSync(folder.join("nix"), 0o755);
      const events: LogEvent[] = [];
      await using evaluator = await openEvaluator({
        env: { PATH: `${folder.path}${delimiter}${searchPath(release)}` },
        onLog: (event) => events.push(event),
      });
      const set = await evaluator.load('{ a.b = 1.5; f = x: { y = x + 1; }; bad = throw "no"; }');
      expect(await set.keys()).toEqual(["a", "bad", "f"]);
      expect(await set.get("a", "b").toJS()).toBe(1.5);
      expect(await (await set.get("f").call(41)).get("y").toJS()).toBe(42);
      expect(await evaluator.allSettled([set.get("a"), set.get("bad")])).toMatchObject([
        { value: { b: 1.5 } },
        { reason: { code: "ERR_EVALUATION", message: "no" } },
      ]);
      expect(await failure(evaluator.load("{ a = "))).toMatchObject({ code: "ERR_EVALUATION" });
      const notices = events.filter((event) => event.type === "message" && event.level === "notice");
      expect(notices).toMatchObject([{ text: expect.stringMatching(/^nix repl does not start/) }]);
    });
  });
}
