import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  binSh,
  caCertificates,
  fakeNss,
  type PieceFile,
  resolvePiece,
  shadowSetup,
  usrBinEnv,
} from "../../dist/index.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";

const textOf = (file: PieceFile | undefined): string => (file && "text" in file ? file.text : "");
const links = (files: Readonly<Record<string, PieceFile>>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([path, file]) => [path, "link" in file ? file.link : ""]));

describe("the piece fakeNss", () => {
  test("has accounts that Python finds in it, those that are given between root and nobody", async () => {
    const { files } = fakeNss({
      extraPasswdLines: ["alice:x:1000:100:Alice:/home/alice:/bin/bash"],
      extraGroupLines: ["users:x:100:alice,bob"],
    });
    const parse = "import sys, json; print(json.dumps([line.rstrip().split(':') for line in sys.stdin]))";
    const parsed = async (file: string): Promise<string[][]> => {
      const { stdout } = await mustRun("python3", ["-c", parse], { input: textOf(files[file]) });
      return JSON.parse(stdout.toString()) as string[][];
    };
    expect((await parsed("/etc/passwd")).map(([name, , uid]) => [name, uid])).toEqual([
      ["root", "0"],
      ["alice", "1000"],
      ["nobody", "65534"],
    ]);
    expect(await parsed("/etc/group")).toEqual([
      ["root", "x", "0", ""],
      ["users", "x", "100", "alice,bob"],
      ["nobody", "x", "65534", ""],
    ]);
  });

  test("looks hosts up in files first, and has the home of its accounts", () => {
    const { files } = fakeNss();
    expect(textOf(files["/etc/nsswitch.conf"])).toBe("hosts: files dns\n");
    expect(files["/var/empty"]).toEqual({ folder: true });
    expect(textOf(files["/etc/passwd"])).toMatch(/^root:x:0:0:[^:]*:\/var\/empty:\/bin\/sh$/m);
  });

  test.each([
    [null, "options"],
    [{ extraPasswdLines: "x" }, "options.extraPasswdLines"],
    [{ extraPasswdLines: [1] }, "options.extraPasswdLines[0]"],
    [{ extraPasswdLines: ["a:x:1:1::/:/bin/sh", "b:x:2"] }, "options.extraPasswdLines[1]"],
    [{ extraPasswdLines: ["a:x:one:1::/:/bin/sh"] }, "options.extraPasswdLines[0]"],
    [{ extraPasswdLines: [":x:1:1::/:/bin/sh"] }, "options.extraPasswdLines[0]"],
    [{ extraPasswdLines: ["a:x:1:1::/:/bin/sh\n"] }, "options.extraPasswdLines[0]"],
    [{ extraGroupLines: ["a:x:1::"] }, "options.extraGroupLines[0]"],
  ])("refuses %j", (options, argument) => {
    expect(() => fakeNss(options as never)).toThrow(
      expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument } }),
    );
  });
});

describe("pieces that are links", () => {
  test("lead to the program, or into the package, that is given", () => {
    expect(links(binSh("/s/bash/bin/bash").files)).toEqual({ "/bin/sh": "/s/bash/bin/bash" });
    for (const given of ["/s/coreutils", "/s/coreutils/", "/s/coreutils/bin/env"])
      expect(links(usrBinEnv(given).files)).toEqual({ "/usr/bin/env": "/s/coreutils/bin/env" });
    for (const [given, bundle] of [
      ["/s/cacert", "/s/cacert/etc/ssl/certs/ca-bundle.crt"],
      ["/s/my.crt", "/s/my.crt"],
      ["/s/all.pem", "/s/all.pem"],
    ] as const)
      expect(links(caCertificates(given).files)).toEqual({
        "/etc/ssl/certs/ca-bundle.crt": bundle,
        "/etc/ssl/certs/ca-certificates.crt": bundle,
        "/etc/pki/tls/certs/ca-bundle.crt": bundle,
      });
  });

  test.each([
    ["shell", binSh],
    ["coreutils", usrBinEnv],
    ["cacert", caCertificates],
  ])("refuse a %s that is no absolute path", (argument, make) => {
    for (const wrong of [undefined, 1, "", "bin/sh", "/a\0b", "/\ud800"])
      expect(() => make(wrong as never)).toThrow(
        expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument } }),
      );
  });
});

describe("a piece in a spec", () => {
  test("is given by name, as the functions make it", () => {
    const passwd = ["a:x:1:1::/:/bin/sh"];
    expect(resolvePiece({ piece: "fakeNss" })).toEqual(fakeNss());
    expect(resolvePiece({ piece: "fakeNss", extraPasswdLines: passwd })).toEqual(
      fakeNss({ extraPasswdLines: passwd }),
    );
    expect(resolvePiece({ piece: "binSh", shell: "/s/sh" })).toEqual(binSh("/s/sh"));
    expect(resolvePiece({ piece: "usrBinEnv", coreutils: "/s" })).toEqual(usrBinEnv("/s"));
    expect(resolvePiece({ piece: "caCertificates", cacert: "/s" })).toEqual(caCertificates("/s"));
  });

  test("is given in full, and is the same then", () => {
    const piece = {
      files: {
        "/a": { text: "", mode: "0755" },
        "/b/.c..": { link: "../a" },
        "/b": { folder: true, mode: "1777" },
        "/ä": { text: "\0" },
      },
    };
    expect(resolvePiece(piece)).toEqual(piece);
  });

  test.each([
    ["text", "contents.0"],
    [{ files: [] }, "contents.0.files"],
    [{}, "contents.0.files"],
    [{ files: { a: { text: "" } } }, "contents.0.files.a"],
    [{ files: { "/": { folder: true } } }, "contents.0.files./"],
    [{ files: { "/a/": { folder: true } } }, "contents.0.files./a/"],
    [{ files: { "/a//b": { text: "" } } }, "contents.0.files./a//b"],
    [{ files: { "/a/../b": { text: "" } } }, "contents.0.files./a/../b"],
    [{ files: { "/./b": { text: "" } } }, "contents.0.files././b"],
    [{ files: { "/a\0": { text: "" } } }, "contents.0.files./a\0"],
    [{ files: { "/\ud800": { text: "" } } }, "contents.0.files./\ud800"],
    [{ files: { "/a": "text" } }, "contents.0.files./a"],
    [{ files: { "/a": null } }, "contents.0.files./a"],
    [{ files: { "/a": {} } }, "contents.0.files./a"],
    [{ files: { "/a": { text: 1 } } }, "contents.0.files./a.text"],
    [{ files: { "/a": { text: "\udc80" } } }, "contents.0.files./a.text"],
    [{ files: { "/a": { text: "", link: "b" } } }, "contents.0.files./a"],
    [{ files: { "/a": { text: "", mode: "0888" } } }, "contents.0.files./a.mode"],
    [{ files: { "/a": { text: "", mode: 420 } } }, "contents.0.files./a.mode"],
    [{ files: { "/a": { link: "" } } }, "contents.0.files./a.link"],
    [{ files: { "/a": { link: "b\0" } } }, "contents.0.files./a.link"],
    [{ files: { "/a": { link: "x".repeat(4096) } } }, "contents.0.files./a.link"],
    [{ files: { "/a": { folder: false } } }, "contents.0.files./a.folder"],
    [{ files: { "/a": { link: "b" }, "/a/b/c": { text: "" } } }, "contents.0.files./a/b/c"],
    [{ piece: "binSh" }, "contents.0.shell"],
    [{ piece: "binSh", shell: "sh" }, "contents.0"],
    [{ piece: "fakeNss", extraGroupLines: [1] }, "contents.0.extraGroupLines.0"],
    [{ piece: "fakeNss", extraGroupLines: ["x"] }, "contents.0"],
    [{ piece: 5 }, "contents.0.piece"],
    [{ piece: "constructor" }, "contents.0.piece"],
  ])("is refused as %j", (entry, key) => {
    expect(() => resolvePiece(entry, "contents.0")).toThrow(
      expect.objectContaining({ code: "ERR_SPEC", details: { key } }),
    );
  });

  test("whose name or key is misspelt is refused with the nearest", () => {
    const hint = (entry: unknown): unknown => {
      try {
        return resolvePiece(entry);
      } catch (error) {
        return (error as { readonly hint?: string }).hint;
      }
    };
    expect(hint({ piece: "fakeNSS" })).toContain('"fakeNss"');
    expect(hint({ piece: "caCertificate", cacert: "/s" })).toContain('"caCertificates"');
    expect(hint({ piece: "fakeNss", extraPasswd: [] })).toContain('"extraPasswdLines"');
    expect(hint({ piece: "binSh", shel: "/s" })).toContain('"shell"');
    expect(hint({ file: {} })).toContain('"files"');
  });
});

describeWith(["bash", "proot"], "the script of shadowSetup", () => {
  /** Runs the script as it is meant to be run: where `/etc` is the image's. */
  async function runIn(root: string, script: string): Promise<string> {
    const { stdout } = await mustRun("proot", ["-b", `${root}/etc:/etc!`, "bash", "-euc", script]);
    return stdout.toString();
  }

  test("writes what is missing, and leaves alone what is there", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("etc"));
    writeFileSync(folder.join("etc/group"), "mine:x:5:\n");
    await runIn(folder.path, shadowSetup());
    const read = (name: string): string => readFileSync(folder.join("etc", name), "utf8");
    expect(read("passwd")).toBe("root:x:0:0::/root:/bin/sh\n");
    expect(read("shadow")).toMatch(/^root:!x?:/);
    expect(read("group")).toBe("mine:x:5:\n");
    expect(read("gshadow")).toMatch(/^root:x?::\n$/);
    expect(read("login.defs")).toBe("");
    expect(
      read("pam.d/other")
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0])
        .sort(),
    ).toEqual(["account", "auth", "password", "session"]);
    expect(statSync(folder.join("etc/shadow")).mode & 0o077).toBe(0);
    const before = read("passwd");
    await runIn(folder.path, shadowSetup({ shell: "/bin/other" }));
    expect(read("passwd")).toBe(before);
  });

  test("puts shadow's programs first, whatever its path is", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("etc"));
    const shadow = folder.join("it's shadow");
    mkdirSync(`${shadow}/bin`, { recursive: true });
    writeFileSync(`${shadow}/bin/useradd`, "#!/bin/sh\necho ours\n");
    chmodSync(`${shadow}/bin/useradd`, 0o755);
    expect(await runIn(folder.path, `${shadowSetup({ shadow })}useradd`)).toBe("ours\n");
    expect(existsSync(folder.join("etc/passwd"))).toBe(true);
  });

  test("is refused for wrong arguments", () => {
    for (const [options, argument] of [
      [null, "options"],
      [{ shadow: "shadow" }, "options.shadow"],
      [{ shell: 5 }, "options.shell"],
    ] as const)
      expect(() => shadowSetup(options as never)).toThrow(
        expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument } }),
      );
  });
});
