import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Derivation, MAX_DERIVATION, parseDerivation } from "../../dist/store/derivation.js";
import { inputsOf, readDerivation } from "../../dist/store/readDerivation.js";
import { LaminixError, narOf, openStore, type StorePath, verifyNar } from "../../dist/index.js";
import { nixes } from "../support/nixes.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";

const PATH = "/nix/store/00000000000000000000000000000000-thing-1.0.drv" as StorePath;
const store = (letter: string, name: string): string => `/nix/store/${letter.repeat(32)}-${name}`;
const parse = (text: string): Derivation => parseDerivation(Buffer.from(text, "latin1"), PATH);

const SMALL =
  `Derive([("dev","${store("a", "thing-dev")}","",""),("out","${store("b", "thing")}","","")],` +
  `[("${store("c", "dep.drv")}",["dev","out"])],["${store("d", "source")}"],"x86_64-linux","/bin/sh",` +
  `["-c","echo \\"hi\\"\\n\\t\\\\"],[("empty",""),("out","${store("b", "thing")}")])`;

for (const nix of nixes) {
  describeWith(nix.needs, `a derivation of ${nix.name}`, () => {
    let nixStore: NixStore;
    beforeAll(async () => {
      nixStore = await startNixStore({ nix: nix.release });
    });
    afterAll(() => nixStore[Symbol.asyncDispose]());

    async function instantiate(expression: string): Promise<StorePath> {
      const { stdout } = await nixStore.run("nix-instantiate", ["--expr", expression]);
      return stdout.toString().trim() as StorePath;
    }
    const lines = async (...args: readonly string[]): Promise<string[]> => {
      const { stdout } = await nixStore.run("nix-store", ["--query", ...args]);
      return stdout.toString().trim().split("\n");
    };

    test("is read as Nix tells it", async () => {
      const source = await nixStore.addTextFile("source", "text");
      const path = await instantiate(`
        let dep = derivation { name = "dep"; system = "x86_64-linux"; builder = "/bin/sh"; outputs = [ "out" "dev" ]; };
        in derivation {
          name = "thing-1.0"; system = "x86_64-linux"; builder = "/bin/sh";
          args = [ "-c" "echo \\"two\\nlines\\" \\t \\\\ \${dep.dev}" ];
          src = builtins.storePath "${source}";
          odd = "tab\\tquote\\"back\\\\slash\\r\\nend ä \${"$"}{x}";
          outputs = [ "out" "doc" ];
        }`);
      await using client = await openStore(nixStore.uri);
      const derivation = await readDerivation(client, path);
      const text = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");
      expect(derivation).toMatchObject({
        path,
        name: "thing-1.0",
        system: "x86_64-linux",
        builder: "/bin/sh",
      });
      expect([...derivation.outputs.values()].sort()).toEqual((await lines("--outputs", path)).sort());
      expect([...derivation.inputDrvs.keys(), ...derivation.inputSrcs].sort()).toEqual(
        (await lines("--references", path)).sort(),
      );
      for (const name of ["odd", "src", "outputs", "name", "doc"]) {
        const { stdout } = await nixStore.run("nix-store", ["--query", "--binding", name, path]);
        expect(`${text(derivation.env.get(name) ?? "")}\n`, name).toBe(stdout.toString());
      }
      const [dep = ""] = derivation.inputDrvs.keys();
      const outputs = await lines("--outputs", dep);
      const dev = outputs.find((output) => output.endsWith("-dev")) ?? "";
      expect(derivation.args.map(text)).toEqual(["-c", `echo "two\nlines" \t \\ ${dev}`]);
      expect((await inputsOf(client, derivation)).sort()).toEqual([dev, source].sort());
    });

    test("is read from its NAR where its file is not on this disk", async () => {
      const path = await instantiate(
        'derivation { name = "far"; system = "x86_64-linux"; builder = "/bin/sh"; }',
      );
      await using client = await openStore(nixStore.uri);
      const nar = narOf(nixStore.realPath(path));
      const info = await client.pathInfo(path);
      const far = { open: () => ({ ...info!, nar: () => verifyNar(nar, info!) }) };
      expect(await readDerivation(far, path)).toEqual(await readDerivation(client, path));
    });

    test("is told as missing where it is", async () => {
      await using client = await openStore(nixStore.uri);
      await expect(readDerivation(client, nixStore.pathFor("no.drv") as StorePath)).rejects.toMatchObject({
        code: "ERR_PATH_NOT_VALID",
      });
    });
  });
}

describe("a derivation", () => {
  test("has outputs, inputs, a builder, and variables with their bytes", () => {
    expect(parse(SMALL)).toEqual({
      path: PATH,
      name: "thing-1.0",
      outputs: new Map([
        ["dev", store("a", "thing-dev")],
        ["out", store("b", "thing")],
      ]),
      inputDrvs: new Map([[store("c", "dep.drv"), ["dev", "out"]]]),
      inputSrcs: [store("d", "source")],
      system: "x86_64-linux",
      builder: "/bin/sh",
      args: ["-c", 'echo "hi"\n\t\\'],
      env: new Map([
        ["empty", ""],
        ["out", store("b", "thing")],
      ]),
    });
    expect(parse(SMALL.replace('"empty",""', '"bytes","\xff\0\n\xc3"')).env.get("bytes")).toBe(
      "\xff\0\n\xc3",
    );
  });

  test("may have outputs whose paths are not known", () => {
    const floating = SMALL.replace(`"${store("a", "thing-dev")}","",""`, '"","r:sha256",""');
    expect(parse(floating).outputs.get("dev")).toBeUndefined();
  });

  test("that ends anywhere before its end is refused, with the byte", () => {
    for (let end = 0; end < SMALL.length; end++)
      expect(() => parse(SMALL.slice(0, end)), String(end)).toThrow(
        expect.objectContaining({
          code: "ERR_DERIVATION",
          details: expect.objectContaining({ path: PATH, offset: expect.any(Number) }),
        }),
      );
  });

  test("with any other byte in it is refused, or is another derivation", () => {
    for (let at = 0; at < SMALL.length; at++) {
      for (const letter of ['"', "\\", "]", ")", ",", "\0", "x", "\xff"]) {
        if (SMALL[at] === letter) continue;
        const damaged = SMALL.slice(0, at) + letter + SMALL.slice(at + 1);
        let read: Derivation | undefined;
        try {
          read = parse(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(LaminixError);
          expect(error).toMatchObject({ code: "ERR_DERIVATION" });
        }
        if (read) expect(read).not.toEqual(parse(SMALL));
      }
    }
  });

  test.each([
    ["bytes after its end", `${SMALL} `],
    ["an unknown escape", SMALL.replace("\\t", "\\e")],
    ["no outputs", SMALL.replace(/\[\("dev".*?\)\]/, "[]")],
    ["an output twice", SMALL.replace('("dev"', '("out"')],
    ["an output without a name", SMALL.replace('("dev"', '(""')],
    ["a variable twice", SMALL.replace('"empty"', '"out"')],
    ["an output elsewhere", SMALL.replace("/nix/store/bbb", "/tmp/store/bbb")],
    ["an output in a store path", SMALL.replace("-thing-dev", "-thing-dev/lib")],
    ["an input that is none", SMALL.replace("dep.drv", "dep")],
    ["a source that is none", SMALL.replace(store("d", "source"), "/nix/store/source")],
    ["a list that begins with a comma", SMALL.replace('["-c"', '[,"-c"')],
  ])("with %s is refused", (_, text) => {
    expect(text).not.toBe(SMALL);
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "ERR_DERIVATION" }));
  });

  test("that is not called so is refused", () => {
    const path = "/nix/store/00000000000000000000000000000000-thing" as StorePath;
    expect(() => parseDerivation(Buffer.from(SMALL), path)).toThrow(
      expect.objectContaining({ code: "ERR_DERIVATION", details: { path } }),
    );
  });

  test("that is too large is refused", () => {
    expect(() => parseDerivation(Buffer.alloc(MAX_DERIVATION + 1), PATH)).toThrow(
      expect.objectContaining({ code: "ERR_DERIVATION" }),
    );
  });

  test("of a newer form is refused as such", () => {
    expect(() => parse(SMALL.replace("Derive(", 'DrvWithVersion("xp-dyn-drv",'))).toThrow(
      expect.objectContaining({ code: "ERR_UNSUPPORTED" }),
    );
  });

  test("may have large texts with many escapes", () => {
    const large = "a\\n".repeat(200_000);
    expect(parse(SMALL.replace('"empty",""', `"large","${large}"`)).env.get("large")).toBe(
      "a\n".repeat(200_000),
    );
  });
});
