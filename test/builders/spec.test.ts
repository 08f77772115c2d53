import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { withPlatform } from "../../dist/planning/base.js";
import { Progress } from "../../dist/progress.js";
import { resolveSingleLayerSpec, singleLayerSpecSchema } from "../../dist/spec/singleLayerSpec.js";
import { type ImageSpec, resolveSpec, specSchema } from "../../dist/spec/spec.js";
import { parseSpec } from "../../dist/spec/specFile.js";
import { formatJson } from "../../dist/bytes/json.js";
import { projectRoot } from "../support/run.js";

const resolve = (spec: Readonly<Record<string, unknown>>): ReturnType<typeof resolveSpec> =>
  resolveSpec(spec as unknown as ImageSpec);

const silent = new Progress(undefined);

function warningsFor(spec: Readonly<Record<string, unknown>>): string[] {
  const warnings: string[] = [];
  const progress = new Progress((event) => {
    if (event.type === "warning") warnings.push(event.message);
  });
  resolveSpec({ name: "a", ...spec }, progress);
  return warnings;
}

/** With what the script's machine gets where the spec does not say, by the spec's keys. */
function resolveSingleLayer(spec: Readonly<Record<string, unknown>>): object {
  const asked = spec as unknown as ImageSpec;
  const { diskSize, memory } = resolveSingleLayerSpec({ ...asked, runAsRoot: ":" }, silent).runAsRoot!;
  return { runAsRoot: null, ...resolveSingleLayerSpec(asked, silent), diskSize, buildVMMemorySize: memory };
}

describe("an image's spec", () => {
  test("has dockerTools' defaults, but for the strategy", () => {
    const { config, ...rest } = resolve({ name: "image" });
    expect(rest).toEqual({
      name: "image",
      tag: null,
      contents: [],
      copyToRoot: [],
      keepContentsDirlinks: false,
      extraCommands: "",
      fakeRootCommands: "",
      enableFakechroot: false,
      perms: [],
      includeNixDB: false,
      fromImage: null,
      maxLayers: 100,
      strategy: "balanced",
      layeringPipeline: null,
      created: "1970-01-01T00:00:01Z",
      mtime: "1970-01-01T00:00:01Z",
      uid: 0,
      gid: 0,
      uname: "root",
      gname: "root",
      includeStorePaths: true,
      compressor: "gz",
      layerCompression: "gz",
      layerCompressionLevel: null,
      layerEncoder: "libdeflate",
      annotations: {},
      snapshotter: false,
      namedOnly: [],
      passthru: {},
      previous: null,
      horizon: 20,
      history: [],
      volatility: [],
    });
    expect(config.size).toBe(0);
  });

  test("is for this machine where it has no base, by Go's name", () => {
    const { architecture } = withPlatform(resolve({ name: "image" }), undefined);
    expect(architecture).toMatch(/^(amd64|arm64|[a-z0-9]+)$/);
    expect(architecture).not.toBe("x64");
  });

  test.each([
    ["nam", "name"],
    ["Name", "name"],
    ["fromimage", "fromImage"],
    ["from_image", "fromImage"],
    ["maxlayer", "maxLayers"],
    ["tags", "tag"],
    ["content", "contents"],
    ["includeStorePath", "includeStorePaths"],
    ["configs", "config"],
  ])("with an unknown key %s is refused with a hint at %s", (key, nearest) => {
    for (const spec of [{ name: "image", [key]: 1 }, { [key]: 1 }]) {
      expect(() => resolve(spec)).toThrow(
        expect.objectContaining({
          code: "ERR_SPEC_UNKNOWN_KEY",
          details: { key, nearest },
          hint: expect.stringContaining(JSON.stringify(nearest)),
        }),
      );
    }
  });

  test.each([
    [{}, "name"],
    [{ name: 1 }, "name"],
    [{ name: "" }, "name"],
    [{ name: "a", tag: 1 }, "tag"],
    [{ name: "a", tag: "" }, "tag"],
    [{ name: "a", tag: ".x" }, "tag"],
    [{ name: "a", tag: "x:y" }, "tag"],
    [{ name: "a", tag: "t".repeat(129) }, "tag"],
    [{ name: "a", contents: 5 }, "contents.0"],
    [{ name: "a", contents: [1] }, "contents.0"],
    [{ name: "a", contents: [""] }, "contents.0"],
    [{ name: "a", config: [] }, "config"],
    [{ name: "a", config: "x" }, "config"],
    [{ name: "a", maxLayers: "10" }, "maxLayers"],
    [{ name: "a", maxLayers: 1.5 }, "maxLayers"],
    [{ name: "a", strategy: "best" }, "strategy"],
    [{ name: "a", layeringPipeline: 1 }, "layeringPipeline"],
    [{ name: "a", layeringPipeline: "" }, "layeringPipeline"],
    [{ name: "a", layeringPipeline: { flatten: [] } }, "layeringPipeline"],
    [{ name: "a", uid: -1 }, "uid"],
    [{ name: "a", uid: 2 ** 32 }, "uid"],
    [{ name: "a", gid: 0.5 }, "gid"],
    [{ name: "a", uid: "0" }, "uid"],
    [{ name: "a", uname: 1 }, "uname"],
    [{ name: "a", created: 0 }, "created"],
    [{ name: "a", architecture: "" }, "architecture"],
    [{ name: "a", includeStorePaths: "no" }, "includeStorePaths"],
    [{ name: "a", compressor: "xz" }, "compressor"],
    [{ name: "a", passthru: 1 }, "passthru"],
    [{ name: "a", namedOnly: "/nix/store/x" }, "namedOnly"],
    [{ name: "a", specVersion: 2 }, "specVersion"],
  ])("%j is refused, and the error names %s", (spec, key) => {
    expect(() => resolve(spec)).toThrow(
      expect.objectContaining({ code: "ERR_SPEC", details: { key }, message: expect.stringContaining(key) }),
    );
  });

  test("with a compressor that there is not is told which there are", () => {
    for (const compressor of ["xz", "GZ", "", 1, null]) {
      expect(() => resolve({ name: "a", compressor })).toThrow(/compressor: .* none, gz, zstd$/);
    }
  });

  test.each([
    [{ Cmd: "/bin/sh" }, "config.Cmd"],
    [{ Entrypoint: ["/bin/sh", 1] }, "config.Entrypoint.1"],
    [{ Env: { A: "b" } }, "config.Env"],
    [{ Labels: ["a"] }, "config.Labels"],
    [{ Labels: { a: 1 } }, "config.Labels.a"],
    [{ ExposedPorts: ["80/tcp"] }, "config.ExposedPorts"],
    [{ Volumes: { "/data": true } }, "config.Volumes./data"],
    [{ User: 0 }, "config.User"],
    [{ StopTimeout: "10" }, "config.StopTimeout"],
    [{ Tty: "true" }, "config.Tty"],
    [{ Healthcheck: { Interval: "5s" } }, "config.Healthcheck.Interval"],
  ])("whose config is %j is refused, and the error names %s", (config, key) => {
    expect(() => resolve({ name: "a", config })).toThrow(
      expect.objectContaining({ code: "ERR_SPEC", details: { key }, message: expect.stringContaining(key) }),
    );
  });

  test("may have in its config what Docker and OCI know, and null anywhere", () => {
    const config = {
      ...{
        Cmd: ["/bin/sh"],
        Env: ["A=b"],
        User: "0",
        ExposedPorts: { "80/tcp": {}, "53/udp": null },
        Labels: null,
      },
      ...{ Hostname: "h", Domainname: "d", StopSignal: "SIGTERM", StopTimeout: 1, Shell: ["/bin/sh", "-c"] },
      ...{
        Healthcheck: { Test: ["NONE"], Retries: 3 },
        OnBuild: [],
        ArgsEscaped: true,
        NetworkDisabled: false,
      },
      ...{ MacAddress: "", AttachStdin: false, Memory: 1, MemorySwap: -1, CpuShares: 2, Entrypoint: null },
    };
    expect(warningsFor({ config })).toEqual([]);
  });

  test.each([
    [{ Entrypont: [] }, 'config has an unknown key "Entrypont"; the nearest known key is "Entrypoint"'],
    [{ cmd: "x" }, 'config has an unknown key "cmd"; the nearest known key is "Cmd"'],
    [
      { Healthcheck: { test: [] } },
      'config.Healthcheck has an unknown key "test"; the nearest known key is "Test"',
    ],
    [
      { ExposedPorts: { "70000/tcp": {}, "9-8": {}, "80/http": {}, "0": {}, "1-2/udp": {}, "443": {} } },
      ["0", "70000/tcp", "9-8", "80/http"].map((port) => expect.stringContaining(JSON.stringify(port))),
    ],
  ])("whose config is %j is warned of", (config, expected) => {
    expect(warningsFor({ config })).toEqual([expected].flat());
  });

  test("keeps what it is warned of", () => {
    const { config } = resolve({ name: "a", config: { cmd: [1], Entrypont: "x" } });
    expect(formatJson(config)).toBe('{"cmd": [1], "Entrypont": "x"}');
  });

  test("may name its JSON schema, which has no effect", () => {
    expect(resolve({ name: "a", $schema: "./spec.schema.json" })).toEqual(resolve({ name: "a" }));
    expect(() => resolve({ name: "a", $schema: 1 })).toThrow(expect.objectContaining({ code: "ERR_SPEC" }));
  });

  test("without a name is told that it is missing", () => {
    expect(() => resolve({})).toThrow("the image spec is not valid: name is missing");
  });

  test.each([
    "a",
    "A/b",
    "registry.example/my/image",
    "localhost:5000/a__b/c-d--e.f",
    "1",
    "my-host.example:80/x",
  ])("may have the name %s", (name) => {
    expect(resolve({ name }).name).toBe(name);
  });

  test.each(["a b", "a:tag", "a@sha256:0", "/a", "a/", "a//b", "-a", "a-", "a..b", "a___b", "ä", "a/b:80/c"])(
    "may not have the name %s, which no engine takes",
    (name) => {
      expect(() => resolve({ name })).toThrow(
        expect.objectContaining({ code: "ERR_SPEC", details: { key: "name" } }),
      );
    },
  );

  test("keeps its configuration as it is, undefined keys aside", () => {
    const config = { Cmd: ["x"], User: undefined, Labels: { b: "1", a: "2" }, size: 2n ** 70n };
    expect(formatJson(resolve({ name: "a", config }).config)).toBe(
      '{"Cmd": ["x"], "Labels": {"b": "1", "a": "2"}, "size": 1180591620717411303424}',
    );
  });

  test("with a configuration that JSON cannot hold is refused", () => {
    expect(() => resolve({ name: "a", config: { Cmd: [() => 1] } })).toThrow(
      expect.objectContaining({ code: "ERR_JSON", message: expect.stringContaining("config.Cmd[0]") }),
    );
  });
});

describe("a spec in a file", () => {
  test("keeps its configuration as it is written", () => {
    const text =
      '{"name": "a", "config": {"10": 1.0, "9": 9007199254740993, "__proto__": {"x": "ü"}}, "tag": null}';
    const { config, ...rest } = resolveSpec(parseSpec(text, "spec.json"));
    expect(formatJson(config)).toBe(
      String.raw`{"10": 1.0, "9": 9007199254740993, "__proto__": {"x": "\u00fc"}}`,
    );
    expect(rest).toMatchObject({ name: "a", tag: null });
  });

  test("may have no configuration, or null for one, as dockerTools' manual has it", () => {
    for (const text of ['{"name": "a"}', '{"name": "a", "config": null}']) {
      expect(resolveSpec(parseSpec(text, "spec.json")).config.size).toBe(0);
    }
  });

  test.each([
    ["[]", "ERR_SPEC"],
    ['"name"', "ERR_SPEC"],
    ["{", "ERR_JSON"],
    ["", "ERR_JSON"],
  ])("that is %j is refused with %s", (text, code) => {
    expect(() => parseSpec(text, "spec.json")).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining("spec.json") }),
    );
  });

  test("with a key __proto__ is refused, for that is an unknown key like any other", () => {
    expect(() => resolveSpec(parseSpec('{"name": "a", "__proto__": {"tag": "t"}}', "spec.json"))).toThrow(
      expect.objectContaining({ code: "ERR_SPEC_UNKNOWN_KEY" }),
    );
  });
});

describe.each([
  ["spec.schema.json", specSchema, resolve],
  ["build-image-spec.schema.json", singleLayerSpecSchema, resolveSingleLayer],
])("the published %s", (file, { shape }, resolved) => {
  const schema = JSON.parse(readFileSync(`${projectRoot}/dist/${file}`, "utf8"));

  test("is exported by the package", () => {
    const { exports } = JSON.parse(readFileSync(`${projectRoot}/package.json`, "utf8"));
    expect(exports[`./${file}`]).toBe(`./dist/${file}`);
  });

  test("describes every key, needs the name only, and knows no other keys", () => {
    expect(Object.keys(schema.properties)).toEqual(Object.keys(shape));
    for (const property of Object.values<Record<string, unknown>>(schema.properties)) {
      expect(property["description"]).toMatch(/\.$/);
    }
    expect(schema.required).toEqual(["name"]);
    expect(schema.additionalProperties).toBe(false);
  });

  test("has the defaults that specs get", () => {
    const given = resolved({ name: "a" }) as unknown as Record<string, unknown>;
    for (const [key, property] of Object.entries<Record<string, unknown>>(schema.properties)) {
      if (key !== "config" && "default" in property)
        expect([key, given[key]]).toEqual([key, property["default"]]);
    }
  });
});
