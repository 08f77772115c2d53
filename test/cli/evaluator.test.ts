import { symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { runMain } from "./commandLine.js";

describeWith(["nix-instantiate", "nix-store", "nix", "nix-daemon"], "on the command line", () => {
  let store: NixStore;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    store = await startNixStore();
    folder = await temporaryFolder("evaluator");
    await writeFile(
      folder.join("default.nix"),
      `{ text ? "text", broken ? false }: {
        it.text = text;
        drv = derivation {
          name = "it";
          outputs = [ "out" ];
          system = builtins.currentSystem;
          builder = "/bin/sh";
          args = [ "-c" "echo building >&2; echo \${text} >$out; \${if broken then "exit 5" else ""}" ];
        };
      }`,
    );
    await writeFile(folder.join("flake.nix"), `{ outputs = { self }: { it = [ 1 2.5 ]; }; }`);
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  const laminix = async (...argv: string[]) => {
    const { code, stdout, stderr } = await runMain(argv, { environment: store.env });
    return { code, stdout: stdout.toString(), stderr };
  };

  describe("eval", () => {
    test.each<[string[], string]>([
      [["{ a = [ 1 9007199254740993 ]; b.c = null; }"], '{"a": [1, 9007199254740993], "b": {"c": null}}\n'],
      [["{ a, b ? 2 }: [ a b ]", "--arg", "a", "1 + 1"], "[2, 2]\n"],
      [["--arg", "a", "-1", "--arg", "b", "[ ]", "{ a, b }: [ a b ]"], "[-1, []]\n"],
      [["{ a, b }: a + b", "--argstr", "a", "--arg", "--argstr", "b", "$b"], '"--arg$b"\n'],
      [["--json", "1"], "1\n"],
      [["--", "-1"], "-1\n"],
    ])("prints a value as JSON: %j", async (argv, stdout) => {
      expect(await laminix("eval", ...argv)).toEqual({ code: 0, stdout, stderr: "" });
    });

    test("takes several attributes in one start, and prints each as it would alone", async () => {
      const file = folder.join("default.nix");
      const attributes = ["it.text", "drv", "it"];
      const alone = await Promise.all(
        attributes.map(async (name) => {
          const { stdout } = await laminix("eval", "--file", file, "-A", name, "--argstr", "text", "told");
          return [name, JSON.parse(stdout)] as const;
        }),
      );
      const flags = attributes.flatMap((name) => ["-A", name]);
      const { code, stdout } = await laminix("eval", "--file", file, ...flags, "--argstr", "text", "told");
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^{"it.text": "told", "drv": "/)]);
      expect(JSON.parse(stdout)).toEqual(Object.fromEntries(alone));
    });

    test("gives the value to a function", async () => {
      const file = folder.join("default.nix");
      const names = ["-A", "it", "-A", "drv"];
      expect(await laminix("eval", "{ a }: a", "--argstr", "a", "b", "--apply", 'x: x + "!"')).toEqual({
        code: 0,
        stdout: '"b!"\n',
        stderr: "",
      });
      expect(await laminix("eval", "--file", file, ...names, "--apply", "builtins.attrNames")).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^{"it": \["text"\], "drv": \["all", "args", /),
      });
      expect(
        await laminix("eval", "--flake", `path:${folder.path}#it`, "--apply", "builtins.length"),
      ).toMatchObject({ code: 0, stdout: "2\n" });
      expect(await laminix("eval", "1", "--apply", "x: x.a")).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^laminix: .* set was expected/),
      });
      expect(await laminix("eval", "1", "--apply", "{ x: ")).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/brackets are closed/),
      });
    });

    test("lists the names of a set", async () => {
      const file = folder.join("default.nix");
      const set = '{ b1 = throw "never"; a = 1; b0 = 2; "b \\n2" = 3; }';
      expect(await laminix("eval", "--file", file, "--keys")).toEqual({
        code: 0,
        stdout: "drv\nit\n",
        stderr: "",
      });
      expect((await laminix("eval", set, "--keys", "--prefix", "b", "--json")).stdout).toBe(
        '["b \\n2", "b0", "b1"]\n',
      );
      expect((await laminix("eval", set, "--keys", "--limit", "2")).stdout).toBe("a\nb \n2\n");
      const flake = ["eval", "--flake", `path:${folder.path}#set`, "--keys"];
      await writeFile(
        folder.join("flake.nix"),
        `{ outputs = { self }: { it = [ 1 2.5 ]; set = { x = 1; xy = 2; z = 3; }; }; }`,
      );
      expect((await laminix(...flake)).stdout).toBe("x\nxy\nz\n");
      expect((await laminix(...flake, "--prefix", "x", "--limit", "1", "--json")).stdout).toBe('["x"]\n');
    });

    test("takes a file, and a flake", async () => {
      const file = folder.join("default.nix");
      expect(await laminix("eval", "--file", file, "-A", "it", "--argstr", "text", "told")).toEqual({
        code: 0,
        stdout: '{"text": "told"}\n',
        stderr: "",
      });
      expect(await laminix("eval", "--flake", `path:${folder.path}#it`)).toMatchObject({
        code: 0,
        stdout: "[1, 2.5]\n",
      });
    });

    test("prints traces and warnings beside it, unless it is to be quiet", async () => {
      const expression = 'builtins.trace "on the way" 1';
      expect(await laminix("eval", expression)).toEqual({
        code: 0,
        stdout: "1\n",
        stderr: "trace: on the way\n",
      });
      expect((await laminix("eval", "--quiet", expression)).stderr).toBe("");
    });

    test("fails with the place, and a hint", async () => {
      expect(await laminix("eval", "{ name = 1; }.nam")).toEqual({
        code: 1,
        stdout: "",
        stderr: "laminix: attribute 'nam' missing at «stdin»:1:1\nhint: Did you mean name?\n",
      });
      const { stderr } = await laminix("eval", "--json", "foo");
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: "ERR_EVALUATION" } });
    });
  });

  describe("realise", () => {
    test("prints what it has built, a path a line, or as JSON", async () => {
      const file = folder.join("default.nix");
      const { code, stdout, stderr } = await laminix("realise", "--file", file, "-A", "drv");
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^\S+-it\n$/)]);
      expect(stderr).toMatch(/^building '\S+-it\.drv'\n$/);
      const path = stdout.trim();
      const twice = await laminix("realise", "--json", path, path);
      expect(JSON.parse(twice.stdout)).toEqual([path, path]);
      await symlink(path, folder.join("result"));
      expect(await laminix("realise", folder.join("result"))).toEqual({ code: 0, stdout, stderr: "" });
    });

    test("tells what its builder prints where it is to be verbose", async () => {
      const argv = ["--file", folder.path, "-A", "drv", "--argstr", "text", "loud", "--verbose"];
      expect((await laminix("realise", ...argv)).stderr).toMatch(/^building$/m);
    });

    test("fails with what failed, and where its log is", async () => {
      const argv = ["--file", folder.path, "-A", "drv", "--arg", "broken", "true", "--quiet"];
      const { code, stdout, stderr } = await laminix("realise", ...argv);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(
        /^laminix: .*-it\.drv.*exit code 5.*its log ends: building\nhint: nix log \S+-it\.drv\n$/s,
      );
      expect(await laminix("realise", "/etc/passwd")).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("is not in the Nix store"),
      });
    });
  });
});
