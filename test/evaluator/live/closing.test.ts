/** `close` while something is being asked, in a process that has nothing else to do. */
import { expect, test } from "vitest";
import { mustRun } from "../../support/run.js";
import { describeEachNix, forever, markedEnvironment } from "./lives.js";

describeEachNix("closing", (release) => {
  const { env } = markedEnvironment(release);

  test.each(["1", forever])("settles before the process ends, whatever is asked: %#", async (source) => {
    const script = `
      import { openEvaluator } from "laminix/evaluator";
      const evaluator = await openEvaluator({ spare: false });
      const value = await evaluator.load(process.argv[1]);
      const asked = value.toJS().catch(({ code }) => code);
      await evaluator.close();
      console.log(await asked);`;
    const argv = ["--input-type=module", "--eval", script, `[ (${source}) ]`];
    const { stdout } = await mustRun(process.execPath, argv, { env });
    expect(stdout.toString()).toBe("ERR_CLOSED\n");
  });
});
