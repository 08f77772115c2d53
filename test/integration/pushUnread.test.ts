import { readFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { startPushScene } from "../builders/push/scene.js";
import { testWith } from "../support/requirements.js";
import { mustRun, projectRoot } from "../support/run.js";

testWith(
  ["docker-registry", "openssl", "nix-daemon", "strace", "linux"],
  "a push of an image that is there, by a machine that remembers nothing, opens no file of the store",
  async () => {
    await using scene = await startPushScene();
    const bin = path.join(projectRoot, "dist/bundled/laminix.js");
    const reference = `${scene.registry.host}/it/unread:1`;
    const push = async (what: string): Promise<{ readonly opened: string[]; readonly facts: unknown }> => {
      const trace = scene.folder.join(`${what}.strace`);
      const { stdout } = await mustRun(
        "strace",
        [
          ...["-f", "-qq", "-y", "-s", "4096", "-e", "trace=open,openat,openat2", "-o", trace],
          ...[
            process.execPath,
            bin,
            "push",
            "--store",
            scene.nix.uri,
            scene.program,
            scene.leaf,
            reference,
            "--json",
          ],
        ],
        { env: { LAMINIX_CACHE_DIR: scene.folder.join(what), HOME: "/nowhere" } },
      );
      const inStore = readFileSync(trace, "utf8")
        .split("\n")
        .filter((line) => line.includes(`"${scene.nix.storeDir}`) && !line.includes("O_DIRECTORY"));
      return { opened: inStore, facts: JSON.parse(stdout.toString()) };
    };
    const first = await push("first");
    expect(first.opened.filter((line) => line.includes(`${scene.library}/noise`))).not.toEqual([]);
    const { result: second, requests } = await scene.registry.during(() => push("second"));
    expect(second.opened).toEqual([]);
    expect(second.facts).toMatchObject({ sent: 0 });
    expect(requests.filter(({ method }) => method !== "GET")).toEqual([]);
  },
);
