import { defineConfig } from "vitest/config";

/** Milliseconds for a test; under `npm run soak` each repeats what it does for long. */
const testTimeout = process.env["LAMINIX_SOAK"] === "true" ? 2 * 3_600_000 : 300_000;

/**
 * What tests see of the caller's environment: where this machine's programs, certificates and proxies are, and nothing
 * of a terminal, a language or the settings of programs that they talk to.
 */
const KEPT =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|CI|NODE_ENV|TEST|VITEST.*|LD_.*|PYENV_.*|LAMINIX_(ADDON|ENTER|RECORD|SEED|SOAK|TEST_CACHE)|.*CERT.*|.*_proxy|npm_config_.*)$/i;
for (const name of Object.keys(process.env)) if (!KEPT.test(name)) Reflect.deleteProperty(process.env, name);
process.env["LANG"] = "C.UTF-8";
process.umask(0o022);

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // Files share nothing but the machine, and wait for daemons and engines for much of their time.
    maxWorkers: 3,
    testTimeout,
    hookTimeout: 300_000,
    globalSetup: "test/support/compile.ts",
  },
});
