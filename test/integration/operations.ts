/**
 * What a store can be asked, each with what Nix's own programs say of the same. The suite in daemons.test.ts runs this
 * table against every daemon, and asks another question behind each on the same connection, so that a byte that an
 * operation leaves unread is noticed.
 */
import { expect } from "vitest";
import type { NixStore, PathInfo } from "../../dist/index.js";
import type { NixStore as TestStore } from "../support/nixStore.js";

/** Some paths that a Nix has built, in a store behind its daemon. */
export interface Scene {
  readonly daemon: TestStore;
  readonly store: NixStore;
  /** The top of a graph of a dozen built paths; signed. */
  readonly program: string;
  /** Given to `nix path-info --json`. */
  readonly jsonFlags: readonly string[];
}

/** Well formed, and not in the scene's store. */
export const absent = (scene: Pick<Scene, "daemon">): string =>
  `${scene.daemon.storeDir}/${"0".repeat(32)}-never`;

const lines = (output: Buffer): string[] => output.toString().split("\n").filter(Boolean).sort();

async function query(scene: Scene, ...args: string[]): Promise<string[]> {
  return lines((await scene.daemon.run("nix-store", ["--query", ...args])).stdout);
}

/** Path infos by path, with sets in order and without what Nix leaves out or sets to null; a list until Nix 2.18. */
async function nixPathInfos(scene: Scene, path: string): Promise<Map<string, object>> {
  const args = ["path-info", "--recursive", "--json", ...scene.jsonFlags, path];
  const document = JSON.parse((await scene.daemon.run("nix", args)).stdout.toString()) as
    PathInfo[] | Record<string, PathInfo>;
  const infos = Array.isArray(document)
    ? document
    : Object.entries(document).map(([key, info]) => ({ ...info, path: key as PathInfo["path"] }));
  return new Map(infos.map((info) => [info.path as string, normalised(info)]));
}

function normalised(info: PathInfo): object {
  // A document of Nix leaves out what is empty or false.
  const { references = [], signatures = [], ultimate = false } = info as Partial<PathInfo>;
  const { path, narHash, narSize, registrationTime, deriver, ca } = info;
  return {
    ...{ path, narHash, narSize, registrationTime, ultimate },
    references: references.toSorted(),
    signatures: signatures.toSorted(),
    ...(deriver && { deriver }),
    ...(ca && { ca }),
  };
}

export const operations: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  isValidPath: async (scene) => {
    expect(await scene.store.isValidPath(scene.program)).toBe(true);
    expect(await scene.store.isValidPath(absent(scene))).toBe(false);
  },

  pathInfo: async (scene) => {
    const info = await scene.store.pathInfo(scene.program);
    expect(normalised(info!)).toEqual((await nixPathInfos(scene, scene.program)).get(scene.program));
    expect(info?.signatures).toEqual([expect.stringMatching(/^test-1:/)]);
    expect(await scene.store.pathInfo(absent(scene))).toBeUndefined();
  },

  allValidPaths: async (scene) => {
    const all = await scene.store.allValidPaths();
    const dump = lines((await scene.daemon.run("nix-store", ["--dump-db"])).stdout);
    const known = dump.filter((line) => line.startsWith(scene.daemon.storeDir));
    expect([...all].sort()).toEqual([...new Set(known)].sort());
  },

  pathFromHashPart: async (scene) => {
    const hash = scene.program.slice(scene.daemon.storeDir.length + 1).slice(0, 32);
    expect(await scene.store.pathFromHashPart(hash)).toBe(scene.program);
    expect(await scene.store.pathFromHashPart("0".repeat(32))).toBeUndefined();
  },

  closure: async (scene) => {
    const closure = await scene.store.closure(scene.program);
    const expected = await nixPathInfos(scene, scene.program);
    expect(new Map([...closure].map((info) => [info.path as string, normalised(info)]))).toEqual(expected);
    expect([...closure.paths].sort()).toEqual(await query(scene, "--requisites", scene.program));
    expect(closure.size).toBeGreaterThan(12);
    const { offsets, targets } = closure.rows;
    for (let row = 0; row < closure.size; row++) {
      expect(Math.max(-1, ...targets.subarray(offsets[row], offsets[row + 1]))).toBeLessThanOrEqual(row);
    }
  },

  "closure of a path that is not valid": async (scene) => {
    await expect(scene.store.closure([scene.program, absent(scene)])).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
      details: { path: absent(scene) },
    });
  },

  tempRoots: async (scene) => {
    const loose = await scene.daemon.addTextFile("loose", "nothing refers to it");
    await using held = await scene.store.tempRoots([loose]);
    await expect(scene.daemon.run("nix-store", ["--delete", loose])).rejects.toThrow(/alive/);
    await held.check();
  },

  "tempRoots of a path that is not valid": async (scene) => {
    await expect(scene.store.tempRoots([absent(scene)])).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
    });
  },
};
