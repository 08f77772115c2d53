import { describe, expect, test } from "vitest";
import type { NixShellOptions } from "../../../dist/builders/nixShell/options.js";
import {
  parseCapturedEnvironment,
  type ShellDerivation,
} from "../../../dist/builders/nixShell/shellDerivation.js";
import { type NixShellSpec, shellSpec } from "../../../dist/builders/nixShell/shellSpec.js";
import { resolvePiece } from "../../../dist/index.js";

const BASH = "/nix/store/11111111111111111111111111111111-bash-5.2/bin/bash";
const OUT = "/nix/store/22222222222222222222222222222222-hello-2.12";
const ENV = { out: OUT, outputs: "out", name: "hello-2.12", stdenv: "/nix/store/stdenv" };

function shell(derivation: Partial<ShellDerivation> = {}, options: NixShellOptions = {}): NixShellSpec {
  const whole: ShellDerivation = {
    name: "hello-2.12",
    builder: BASH,
    args: ["-e", "/nix/store/33333333333333333333333333333333-builder.sh", "it's"],
    env: new Map(Object.entries(ENV)),
    system: "x86_64-linux",
    outputs: [OUT],
    inputs: [],
    ...derivation,
  };
  return shellSpec(whole, options, { storeDir: "/nix/store" });
}
const withEnv = (env: Readonly<Record<string, string>>): Partial<ShellDerivation> => ({
  env: new Map(Object.entries({ ...ENV, ...env })),
});
const commandOf = ({ config }: NixShellSpec): string[] => config["Cmd"] as string[];
const envOf = ({ config }: NixShellSpec): Map<string, string> =>
  new Map(
    (config["Env"] as string[]).map((each) => {
      const at = each.indexOf("=");
      return [each.slice(0, at), each.slice(at + 1)];
    }),
  );
const filesOf = (spec: NixShellSpec): Record<string, string> =>
  Object.fromEntries(
    spec.contents.flatMap(({ files }) =>
      Object.entries(files).map(([path, file]) => [
        path,
        "text" in file ? file.text : "link" in file ? `-> ${file.link}` : "folder",
      ]),
    ),
  );

describe("the spec of a shell's image", () => {
  test("runs the derivation's bash as a build user in /build", () => {
    const spec = shell();
    expect(spec).toMatchObject({
      name: "hello-2.12-env",
      tag: null,
      architecture: "amd64",
      namedOnly: [OUT],
    });
    const { Env: _, ...config } = spec.config;
    expect(config).toEqual({
      Cmd: [BASH, "--rcfile", expect.stringMatching(/^\/.*rcfile$/)],
      User: "1000:1000",
      WorkingDir: "/build",
    });
    const files = filesOf(spec);
    expect(files["/bin/sh"]).toBe(`-> ${BASH}`);
    expect(files["/etc/passwd"]).toMatch(/^nixbld:x:1000:1000:.*:\/build:/m);
    expect(files["/etc/group"]).toMatch(/^nixbld:.*:1000:/m);
    expect(files["/build"]).toBe("folder");
    expect(files).not.toHaveProperty("/usr/bin/env");
    for (const piece of spec.contents) expect(resolvePiece(piece)).toEqual(piece);
  });

  test("has the variables of Nix's sandbox, and those of the derivation", () => {
    expect(
      Object.fromEntries(envOf(shell(withEnv({ HOME: "/mine", TMPDIR: "/tmp", LC_ALL: "C=x\ny" })))),
    ).toEqual({
      ...ENV,
      LC_ALL: "C=x\ny",
      HOME: "/mine",
      NIX_BUILD_CORES: "1",
      NIX_BUILD_TOP: "/build",
      NIX_SSL_CERT_FILE: "/no-cert-file.crt",
      NIX_STORE: "/nix/store",
      PATH: "/path-not-set",
      PWD: "/build",
      SSL_CERT_FILE: "/no-cert-file.crt",
      TEMP: "/build",
      TEMPDIR: "/build",
      TERM: "xterm-256color",
      TMP: "/build",
      TMPDIR: "/build",
    });
  });

  test("takes all options", () => {
    const spec = shell(
      {},
      {
        name: "mine",
        tag: "1",
        uid: 5,
        gid: 6,
        homeDirectory: "/homeless",
        shell: "/s/bin/zsh",
        run: "make",
        binSh: "/s/dash",
        usrBinEnv: "/s/coreutils",
      },
    );
    const files = filesOf(spec);
    expect(spec).toMatchObject({ name: "mine", tag: "1" });
    expect(spec.config).toMatchObject({ Cmd: ["/s/bin/zsh", expect.stringMatching(/rcfile$/)], User: "5:6" });
    expect(envOf(spec).get("HOME")).toBe("/homeless");
    expect(files).toMatchObject({ "/bin/sh": "-> /s/dash", "/usr/bin/env": "-> /s/coreutils/bin/env" });
    expect(files["/etc/passwd"]).toMatch(/^nixbld:x:5:6:.*:\/homeless:/m);
    expect(files).not.toHaveProperty("/homeless");
  });

  test("gives the user the folders that a build, and Nix, write to", () => {
    const { perms } = shell({}, { uid: 5, gid: 6 });
    expect(perms.map(({ path }) => path)).toEqual(["/build", "/nix/store", "/nix/var", "/etc/nix"]);
    for (const rule of perms) expect(rule).toMatchObject({ uid: 5, gid: 6 });
    const files = filesOf(shell());
    for (const { path } of perms) expect(Object.keys(files).some((each) => each.startsWith(path))).toBe(true);
  });

  test("names all that the derivation needs", () => {
    const inputs = [
      "/nix/store/44444444444444444444444444444444-a",
      "/nix/store/55555555555555555555555555555555-b",
    ];
    const texts = Object.values(filesOf(shell({ inputs }))).join("\n");
    for (const input of inputs) expect(texts).toContain(input);
  });

  test("puts into files what is passed as files", () => {
    const spec = shell(
      withEnv({ passAsFile: "big other", big: "line\nline", small: "x", "other.name": "y" }),
    );
    const variables = envOf(spec);
    expect(variables.has("big")).toBe(false);
    expect(filesOf(spec)[variables.get("bigPath") ?? ""]).toBe("line\nline");
    expect(variables.get("small")).toBe("x");
    expect(variables.has("otherPath")).toBe(false);
    expect(variables.get("other.name")).toBe("y");
  });

  test("takes bash for a builder that is bash under its other name", () => {
    const builder = BASH.replace(/bash$/, "sh");
    expect(commandOf(shell({ builder }))[0]).toBe(BASH);
  });

  test.each([
    "/bin/sh",
    "/nix/store/11111111111111111111111111111111-busybox/bin/sh",
    "/nix/store/x/bin/python3",
  ])("needs to be told a shell where the builder is %s", (builder) => {
    expect(() => shell({ builder })).toThrow(
      expect.objectContaining({
        code: "ERR_UNSUPPORTED",
        message: expect.stringContaining(builder),
        hint: expect.stringContaining("shell"),
      }),
    );
    expect(commandOf(shell({ builder }, { shell: BASH }))[0]).toBe(BASH);
  });

  test.each([
    [{ env: new Map([["__json", "{}"]]) }, {}, "structured"],
    [{ env: new Map([["__structuredAttrs", "1"]]) }, {}, "structured"],
    [{ builder: "builtin:fetchurl" }, { shell: BASH }, "by Nix itself"],
    [{ system: "x86_64-darwin" }, {}, "x86_64-darwin"],
    [{}, { command: "a", run: "b" }, "not both"],
  ] as const)("is not made of %j with %j", (derivation, options, message) => {
    expect(() => shell(derivation, options)).toThrow(
      expect.objectContaining({ code: "ERR_UNSUPPORTED", message: expect.stringContaining(message) }),
    );
  });

  test.each([
    ["a=b", "x"],
    ["", "x"],
    ["nul", "\0"],
  ])("is not made with a variable %j of %j", (name, value) => {
    expect(() => shell(withEnv({ [name]: value }))).toThrow(
      expect.objectContaining({ code: "ERR_DERIVATION" }),
    );
  });

  test.each([
    [{ uid: -1 }, "options.uid"],
    [{ gid: 2 ** 32 - 1 }, "options.gid"],
    [{ homeDirectory: "home" }, "options.homeDirectory"],
    [{ homeDirectory: "/a:b" }, "options.homeDirectory"],
    [{ shell: "bash" }, "options.shell"],
    [{ run: 1 }, "options.run"],
    [{ command: ["x"] }, "options.command"],
    [{ name: 1 }, "options.name"],
    [{ binSh: "" }, "options.binSh"],
    [null, "options"],
  ])("refuses the options %j", (options, argument) => {
    expect(() => shell({}, options as never)).toThrow(
      expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument } }),
    );
  });

  test.each([
    ["i686-linux", "386"],
    ["aarch64-linux", "arm64"],
    ["plan9-linux", undefined],
    ["builtin", undefined],
    [undefined, undefined],
  ])("is for the machine of the system %s", (system, architecture) => {
    expect(shell({ system }).architecture).toBe(architecture);
  });

  test.each([
    ["Qt++_5", "qt-5-env"],
    ["a__b", "a__b-env"],
    ["...", "env"],
  ])("has a name that a repository can have, for %s", (name, repository) => {
    expect(shell({ name }).name).toBe(repository);
  });
});

describe("an environment that a build has written down", () => {
  const text = JSON.stringify({
    name: "thing",
    builder: BASH,
    args: ["-c", "x"],
    env: { outputs: "out dev", out: OUT, dev: `${OUT}-dev`, system: "aarch64-linux", ä: "ö" },
  });

  test("is a derivation for a shell", () => {
    const derivation = parseCapturedEnvironment(text, "env.json");
    expect(derivation).toMatchObject({ name: "thing", builder: BASH, args: ["-c", "x"] });
    expect(derivation.env.get("ä")).toBe("ö");
    expect(shell(derivation)).toMatchObject({
      name: "thing-env",
      architecture: "arm64",
      namedOnly: [OUT, `${OUT}-dev`],
    });
  });

  test.each([
    ["{", "ERR_JSON"],
    ["[]", "ERR_DERIVATION"],
    ['{"name":"x","builder":"/b"}', "ERR_DERIVATION"],
    ['{"name":"x","env":{}}', "ERR_DERIVATION"],
    ['{"name":"x","builder":"/b","env":{"a":1}}', "ERR_DERIVATION"],
    ['{"name":"x","builder":"/b","env":{"a":"\\ud800"}}', "ERR_DERIVATION"],
    ['{"name":"x","builder":"/b","env":{},"more":1}', "ERR_DERIVATION"],
    ['{"name":"x","builder":"/b","args":"-c","env":{}}', "ERR_DERIVATION"],
  ])("is refused as %s", (source, code) => {
    expect(() => parseCapturedEnvironment(source, "env.json")).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining("env.json") }),
    );
  });
});
