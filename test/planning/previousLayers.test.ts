import { expect, test } from "vitest";
import { previousLayers } from "../../dist/planning/balanced.js";
import type { StorePath } from "../../dist/store/storePath.js";
import { graphFrom } from "../layering/graphs.js";

let hashes = 0;
const path = (name: string): StorePath =>
  `/nix/store/${String(++hashes).padStart(32, "0")}-${name}` as StorePath;

/** Where the paths of a new image are placed: the layers' paths, and whether they are as they were. */
function placed(plan: readonly (readonly StorePath[])[], now: readonly StorePath[]) {
  const graph = graphFrom(now.map((name) => ({ name, narSize: 1, references: [] })));
  return previousLayers(plan, graph).map(({ nodes, isWhole }) => ({
    paths: nodes.map((node) => graph.names[node]),
    isWhole,
  }));
}

test("a new version of a package is where the old one was, also beside another version", () => {
  const [old, other, fresh] = [path("openssl-1.1.1"), path("openssl-3.0"), path("openssl-1.1.2")];
  for (const plan of [
    [[old], [other]],
    [[other], [old]],
  ]) {
    expect(placed(plan, [other, fresh])).toEqual(
      plan.map(([before]) =>
        before === old ? { paths: [fresh], isWhole: false } : { paths: [other], isWhole: true },
      ),
    );
  }
});

test("paths of one name and version are told apart by their order, and come before other versions", () => {
  const plan = ["gcc-12", "gcc-12", "gcc-13"].map((name) => [path(name)]);
  const [newer, first, second] = ["gcc-13", "gcc-12", "gcc-12"].map(path) as [
    StorePath,
    StorePath,
    StorePath,
  ];
  expect(placed(plan, [newer, first, second]).map(({ paths }) => paths)).toEqual([
    [first],
    [second],
    [newer],
  ]);
  const updated = [path("gcc-12"), path("gcc-14")] as const;
  expect(placed(plan, updated).map(({ paths }) => paths)).toEqual([[updated[0]], [updated[1]]]);
});

test("what a package has beside all that it had is in no layer of before", () => {
  const [old, more] = [path("zlib-1.3"), path("zlib-1.2")];
  expect(placed([[old]], [old, more])).toEqual([{ paths: [old], isWhole: true }]);
});

test("of a package that is split, the parts are where it was", () => {
  const [old, other] = [path("perl-5.36"), path("bash-5.2")];
  const parts = [path("perl-5.38"), path("perl-5.38")];
  expect(placed([[old, other]], [other, ...parts])).toEqual([{ paths: [other, ...parts], isWhole: false }]);
});
