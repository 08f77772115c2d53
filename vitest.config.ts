import { defineConfig } from "vitest/config";

/** Milliseconds for a test; under `npm run soak` each repeats what it does for long. */
const testTimeout = process.env["LAMINIX_SOAK"] === "true" ? 2 * 3_600_000 : 120_000;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // Files share nothing but the machine, and wait for daemons and engines for much of their time.
    maxWorkers: 3,
    testTimeout,
    hookTimeout: 120_000,
    globalSetup: "test/support/compile.ts",
  },
});
