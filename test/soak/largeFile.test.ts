import { mkdirSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repetitions } from "../support/repetitions.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

/**
 * Bytes that are compared. The first of them have the digest of the layer, which is that of its 8 GiB, so that the rest is
 * for the soak.
 */
const COMPARED = repetitions(1 << 20, 2 ** 40);

/** Milliseconds; hashing takes half a minute where nothing else runs. */
const LIMIT = repetitions(400_000, 3_600_000);

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("large-file");
});
afterAll(() => folder[Symbol.asyncDispose]());

describeWith(["python3"], "stream-conf, given a file of more than 8 GiB", () => {
  test("prints the bytes of nixpkgs", { timeout: LIMIT }, async () => {
    const store = folder.join("nix/store");
    mkdirSync(store, { recursive: true });
    const file = path.join(store, "0123456789abcdfghijklmnpqrsvwxyz-large");
    writeFileSync(file, "beginning");
    truncateSync(file, 2 ** 33 + 12_345);
    utimesSync(file, 1, 1);
    const time = "1970-01-01T00:00:01+00:00";
    const conf = {
      ...{ architecture: "amd64", os: "linux", config: {}, from_image: null, repo_tag: "image:1.0" },
      ...{ created: time, mtime: time, uid: "0", gid: "0", uname: "root", gname: "root" },
      ...{ store_dir: store, store_layers: [[file]] },
    };
    writeFileSync(folder.join("conf.json"), JSON.stringify(conf));
    // Compared as they come; whoever writes more than is compared is not told of by its exit code.
    const script = String.raw`
ours() { "$1" "$2" stream-conf "$4" --quiet | head -c "$5"; }
theirs() { python3 "$3" "$4" 2>/dev/null | head -c "$5"; }
cmp <(ours "$@" | tee >(wc -c >&2)) <(theirs "$@")`;
    const programs = [process.execPath, `${projectRoot}/dist/bundled/laminix.js`];
    const reference = `${projectRoot}/test/support/reference_stream.py`;
    const args = [...programs, reference, folder.join("conf.json"), String(COMPARED)];
    const { stderr } = await mustRun("bash", ["-c", script, "bash", ...args], {
      env: { NIX_REMOTE: `unix://${folder.join("no-daemon")}`, LAMINIX_CACHE_DIR: folder.join("cache") },
      timeout: LIMIT,
    });
    expect(Number(stderr)).toBeGreaterThanOrEqual(Math.min(COMPARED, 2 ** 33));
  });
});
