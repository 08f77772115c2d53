import { defineConfig } from "vitest/config";

/** Milliseconds for a test; under `npm run soak` each repeats what it does for long. */
const testTimeout = process.env["LAMINIX_SOAK"] === "true" ? 2 * 3_600_000 : 120_000;

const shared = {
  pool: "forks",
  maxWorkers: 2,
  testTimeout,
  hookTimeout: 120_000,
  globalSetup: "test/support/compile.ts",
} as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/integration/**"],
        },
      },
      {
        test: {
          ...shared,
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          // Engines, registries and large closures: one file at a time, after the rest, so that they do not starve each other.
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
