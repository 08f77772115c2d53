import { describe, expect, test } from "vitest";
import { LAYER_KIND } from "../../dist/image/annotations.js";
import { storeLayersInHistory } from "../../dist/image/history.js";
import { fromJs, type JsonObject } from "../../dist/bytes/json.js";
import type { Layer } from "../../dist/image/layer.js";

const id = (name: string): string => `/nix/store/${name.charAt(0).repeat(32)}-${name}`;
const store = (...names: string[]): string =>
  `store paths: [${names.map((name) => `'${id(name)}'`).join(", ")}]`;
const sure = (...names: string[]): { sure: string } => ({ sure: store(...names) });

/** Comments, bottom first; those of layers that are annotated as of store paths are in an object. */
function layersOf(
  comments: readonly (string | { readonly sure: string } | undefined)[],
  extra: readonly unknown[] = [],
) {
  const layers = comments.map((comment) => {
    const annotations = new Map(typeof comment === "object" ? [[LAYER_KIND, "store"]] : []);
    return { source: { kind: "stored", packed: { annotations } } } as unknown as Layer;
  });
  const history = comments.map((comment) => ({
    created: "2020",
    ...(comment !== undefined && { comment: typeof comment === "object" ? comment.sure : comment }),
  }));
  const config = fromJs({ history: [...history, ...extra] }, "it") as JsonObject;
  return storeLayersInHistory(config, layers);
}

describe("the layers of store paths that a history tells", () => {
  test("are those that nixpkgs lists, but for the one of the image's root on top", () => {
    const own = [store("glibc"), store("lib", "zlib"), store("app")];
    const expected = [[id("glibc")], [id("lib"), id("zlib")], [id("app")]];
    expect(layersOf([...own, store("image-customisation-layer")])).toEqual(expected);
    expect(layersOf([...own, store()])).toEqual(expected);
    expect(layersOf([...own, store("app", "copied")])).toEqual(expected);
  });

  test("are those that are annotated, whatever else is listed on top", () => {
    const own = [sure("glibc"), sure("lib", "zlib"), sure("app")];
    const expected = [[id("glibc")], [id("lib"), id("zlib")], [id("app")]];
    expect(layersOf([...own, store("copied")])).toEqual(expected);
    expect(layersOf(own)).toEqual(expected);
  });

  test("are those below what others have built on top, and of entries without a layer nothing is expected", () => {
    const own = [store("glibc"), store("app"), store("app")];
    expect(layersOf([...own, "COPY . /", undefined], [{ empty_layer: true, comment: store("x") }])).toEqual([
      [id("glibc")],
      [id("app")],
    ]);
  });

  test("are those of a base too, but not the one of the base's root, nor what was put in again", () => {
    const base = [store("glibc"), store("lib"), store("lib")];
    const app = [[id("glibc")], [id("lib")], [id("app")]];
    expect(layersOf([...base, store("app"), store("app")])).toEqual(app);
    expect(layersOf([...base, sure("app"), store("app")])).toEqual(app);
    expect(layersOf([...base, sure("glibc", "app"), store("app")])).toEqual([
      [id("lib")],
      [id("glibc"), id("app")],
    ]);
  });

  test.each([
    ["nothing", [undefined, "COPY . /"]],
    ["what a docker-archive calls its layers", ["store paths: ['a/layer.tar']", store("x")]],
    ["what is in store paths", [`store paths: ['${id("app")}/bin']`, store("x")]],
    ["store paths in other words", [`COPY ${id("app")} /`, store("x")]],
    ["one layer, which is all of the image", [store("app", "lib")]],
  ])("are none where it tells of %s", (_, comments) => {
    expect(layersOf(comments)).toEqual([]);
  });

  test("are none where it tells of more layers than there are", () => {
    expect(layersOf([store("app"), store("app")], [{ created: "2020" }])).toEqual([]);
  });

  test("have each path once", () => {
    expect(layersOf([sure("app", "app"), sure("app", "lib"), sure("zlib")])).toEqual([
      [id("app")],
      [id("zlib")],
    ]);
  });
});
