import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { describeEvaluators, evaluatorOf } from "../../support/evaluators.js";
import { failureOf } from "../../support/failure.js";
import { temporaryFolder } from "../../support/temporary.js";

describeEvaluators("an evaluator's mode", (get, { release }) => {
  test("read-only builds nothing", async () => {
    const value = await get().load(
      `let it = derivation { name = "it"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo 1 > $out" ]; }; in { inherit it; imported = import it; }`,
    );
    expect((await failureOf(value.get("it").build())).code).toBe("ERR_EVALUATOR_READ_ONLY");
    expect((await failureOf(value.get("imported").toJS())).code).toBe("ERR_EVALUATION_BUILDS");
    expect(await value.get("it").type()).toBe("derivation");
  });

  test("leaves HOME as it was", async () => {
    await using home = await temporaryFolder("home");
    await using evaluator = await evaluatorOf(release, { env: { HOME: home.path } });
    expect(await (await evaluator.load("[ 1 ]")).toJS()).toEqual([1]);
    await evaluator.close();
    expect(readdirSync(home.path)).toEqual([]);
  });

  test("pure has no environment, or is refused where Nix ignores it", async () => {
    if (release === "installed") {
      expect((await failureOf(evaluatorOf(release, { pure: true }))).code).toBe("ERR_UNSUPPORTED");
      return;
    }
    await using evaluator = await evaluatorOf(release, { pure: true });
    expect(await (await evaluator.load('builtins.getEnv "PATH"')).toJS()).toBe("");
    const text = "x".repeat(50_000);
    expect(await (await evaluator.load("{ a }: a", { args: { a: text } })).toJS()).toBe(text);
    expect(await (await evaluator.load(`"${text}"`)).toJS()).toBe(text);
    expect((await failureOf(evaluator.load("builtins.readFile /etc/passwd"))).code).toBe("ERR_EVALUATION");
  });
});
