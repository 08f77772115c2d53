/** The addon for arm64, as the package has it. Installing it there is in test/integration/installing.test.ts. */
import { expect, test } from "vitest";
import { emulatedNode, emulatedTests } from "../support/emulatedTests.js";
import { describeWith } from "../support/requirements.js";

/** Some twenty minutes. */
const SOAKS = process.env["LAMINIX_SOAK"] === "true";
const folders = SOAKS ? ["test/native", "test/store"] : [];

describeWith(
  ["root", "linux", "nix-daemon", "npm", "unshare", "qemu-aarch64-static", "nodeArm64"],
  "an emulated Node.js for arm64",
  () => {
    test("loads the addon", async () => {
      const script = "console.log(process.arch, typeof require(process.env.LAMINIX_ADDON).connect)";
      const { stdout, stderr } = await emulatedNode(["-e", script]);
      expect([stdout.toString(), stderr]).toEqual(["arm64 function\n", ""]);
    });

    test.each(folders)("passes %s", async (folder) => {
      const { passed, skipped, failed } = await emulatedTests([folder]);
      expect({ failed, skipped }).toEqual({ failed: [], skipped: 0 });
      expect(passed).toBeGreaterThan(50);
    });
  },
);
