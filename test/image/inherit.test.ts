import { expect, test, describe } from "vitest";
import { describedImage } from "../../dist/image/describedImage.js";
import { inheritConfig, inheritHistory } from "../../dist/image/inherit.js";
import { formatJson, fromJs, isObject, type JsonObject } from "../../dist/bytes/json.js";
import type { Layer } from "../../dist/image/layer.js";

function object(value: unknown): JsonObject {
  const json = fromJs(value, "it");
  if (isObject(json)) return json;
  throw new Error("not an object");
}

const inherit = (own: unknown, base: unknown): unknown =>
  JSON.parse(formatJson(inheritConfig(object(own), object(base))));

describe("a configuration on top of a base's", () => {
  test("is the base's where it says nothing, whatever the key", () => {
    const base = {
      Cmd: ["a"],
      Entrypoint: ["/init"],
      User: "nobody",
      WorkingDir: "/srv",
      StopSignal: "SIGINT",
      Healthcheck: { Test: ["NONE"] },
      Shell: ["/bin/ash"],
      Labels: { a: "1" },
      Volumes: { "/data": {} },
      ExposedPorts: { "80/tcp": {} },
      Env: ["PATH=/bin"],
      Unknown: { of: "some engine" },
    };
    expect(inherit({}, base)).toEqual(base);
  });

  test("is its own where it says something, even that there is nothing", () => {
    const base = { User: "nobody", WorkingDir: "/srv", Healthcheck: { Test: ["CMD", "x"] }, Cmd: ["a"] };
    expect(inherit({ User: "root", WorkingDir: "", Healthcheck: { Interval: 1 }, Cmd: null }, base)).toEqual({
      User: "root",
      WorkingDir: "",
      Healthcheck: { Interval: 1 },
      Cmd: null,
    });
  });

  test("has labels, volumes and ports of both, its own where both have one", () => {
    const base = { Labels: { a: "1", b: "2" }, Volumes: { "/a": {} }, ExposedPorts: { "80/tcp": {} } };
    const own = { Labels: { b: "3", c: "4" }, Volumes: { "/b": {} }, ExposedPorts: { "81/udp": {} } };
    expect(inherit(own, base)).toEqual({
      Labels: { a: "1", b: "3", c: "4" },
      Volumes: { "/a": {}, "/b": {} },
      ExposedPorts: { "80/tcp": {}, "81/udp": {} },
    });
    expect(inherit(own, { Labels: null, Volumes: null })).toEqual(own);
  });

  test("has each variable once, the last value at the place of the first", () => {
    expect(inherit({ Env: ["B=3", "C=4"] }, { Env: ["A=1", "B=2"] })).toEqual({ Env: ["A=1", "B=3", "C=4"] });
    expect(inherit({}, { Env: null })).toEqual({ Env: null });
    expect(inherit({ Env: ["A=1"] }, { Env: null })).toEqual({ Env: ["A=1"] });
  });

  test("has not the base's arguments when it has an entry point of its own", () => {
    const base = { Entrypoint: ["/old"], Cmd: ["arguments of old"] };
    expect(inherit({ Entrypoint: ["/new"] }, base)).toEqual({ Entrypoint: ["/new"] });
    expect(inherit({ Entrypoint: ["/new"], Cmd: ["b"] }, base)).toEqual({ Entrypoint: ["/new"], Cmd: ["b"] });
    expect(inherit({ Cmd: ["b"] }, base)).toEqual({ Entrypoint: ["/old"], Cmd: ["b"] });
  });

  test("has nothing of the base that Docker refuses an image for", () => {
    const texts = { User: "", WorkingDir: "", Hostname: "" };
    const good = { ...texts, Cmd: null, Entrypoint: "/bin/sh", Healthcheck: { Test: ["NONE"], Interval: 1 } };
    expect(inherit({}, good)).toEqual(good);
    const bad = {
      ...{ Env: "", Cmd: "", Volumes: "", ExposedPorts: "", Labels: { a: 1 }, Healthcheck: { Interval: "" } },
      ...{ StopTimeout: "", Tty: "", env: "", Shell: [1] },
    };
    expect(inherit({}, { ...texts, ...bad })).toEqual(texts);
  });

  test("has nothing of what the base asks of who builds upon it", () => {
    expect(inherit({ OnBuild: ["RUN mine"] }, { OnBuild: ["RUN x"] })).toEqual({ OnBuild: ["RUN mine"] });
    expect(inherit({}, { OnBuild: ["RUN x"] })).toEqual({});
  });
});

describe("a history on top of a base's", () => {
  const layer = (name: string): Layer => ({
    kind: "base",
    sources: [name],
    source: { kind: "made", contentKey: undefined },
    diffId: () => Promise.reject(new Error("not asked for")),
    open: () => {
      throw new Error("not asked for");
    },
  });
  const historyOf = (history: unknown): unknown => {
    const base = [layer("one"), layer("two")];
    const image = describedImage({
      config: new Map(),
      architecture: "amd64",
      created: "NOW",
      layers: [...base, { ...layer("/nix/store/x"), kind: "store" }],
      inherited: inheritHistory(object({ history }), base, "NOW"),
    });
    return (JSON.parse(image.config([]).bytes.toString()) as { history: unknown }).history;
  };
  const own = { created: "NOW", comment: "store paths: ['/nix/store/x']" };

  test("keeps the base's entries, those without a layer too", () => {
    const history = [
      { created: "2020-01-01T00:00:00Z", created_by: "ADD file" },
      { created: "2020-01-01T00:00:00Z", created_by: "CMD", empty_layer: true },
      { created: "2021-02-03T04:05:06.789+01:00", created_by: "RUN", empty_layer: false, author: "me" },
    ];
    expect(historyOf(history)).toEqual([...history, own]);
  });

  test("leaves out what Docker refuses an image for", () => {
    const history = [
      { created: "", created_by: "one", author: "", comment: null },
      { created: null, empty_layer: "", comment: "two", other: "" },
      { Created: "yesterday", created_by: ["a"], empty_layer: true },
      { created: "0001-01-01T00:00:00Z", created_by: "three", empty_layer: true },
      { created: "2020-02-30T00:00:00Z", empty_layer: true },
      { created: "2020-02-03T24:00:00Z", empty_layer: true },
    ];
    expect(historyOf(history)).toEqual([
      { created_by: "one", author: "", comment: null },
      { created: null, comment: "two", other: "" },
      { empty_layer: true },
      { created: "0001-01-01T00:00:00Z", created_by: "three", empty_layer: true },
      { empty_layer: true },
      { empty_layer: true },
      own,
    ]);
  });

  test("has the keys that Go reads, and not those that it stumbles over", () => {
    const good = { Labels: { a: "b", c: null }, Cmd: ["a", null], Volumes: { "/a": {}, "/b": null } };
    expect(inherit({}, good)).toMatchObject(good);
    const bad = {
      ExposedPorts: { "80/tcp": "" },
      Volumes: { "/a": [] },
      StopTimeout: 12345678901234567890123n,
    };
    expect(Object.keys(inherit({}, bad) as object)).toEqual([]);
  });

  test.each([
    ["nothing", undefined],
    ["fewer layers than there are", [{ created: "2020-01-01T00:00:00Z" }]],
    ["more layers than there are", [{}, {}, {}]],
    ["something else", [1, 2]],
  ])("has an entry for each layer where the base's tells of %s", (_, history) => {
    expect(historyOf(history)).toEqual([
      { created: "NOW", comment: "base image: one" },
      { created: "NOW", comment: "base image: two" },
      own,
    ]);
  });
});
