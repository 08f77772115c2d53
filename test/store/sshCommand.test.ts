import { writeFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redactUrl } from "../../dist/redact.js";
import { shellQuoted, shellWords } from "../../dist/process/shell.js";
import { type SshCommand, sshCommand, withKnownHosts } from "../../dist/store/sshCommand.js";
import { parseSshUrl } from "../../dist/store/sshUrl.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, run, type RunResult } from "../support/run.js";
import { type SshServer, sshStoreUrl, startSshServer } from "../support/sshServer.js";
import { temporaryFolder } from "../support/temporary.js";

const command = (url: string, environment: Record<string, string> = {}): SshCommand =>
  sshCommand(parseSshUrl(url), environment);
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM9a6ypJkRvhZFvDSdGd1C9x0m9WmSR8EjRjXhTI2bW";

describe("the command of a store behind SSH", () => {
  const end = ["-oPermitLocalCommand=no", "--", "nix-daemon", "--stdio"];

  test.each<[string, readonly string[]]>([
    ["ssh-ng://host", ["host", "-x", ...end]],
    ["ssh-ng://me@host.example:2222", ["me@host.example", "-x", "-p2222", ...end]],
    ["ssh-ng://[::1]", ["::1", "-x", ...end]],
    ["ssh-ng://root@[fe80::1%25eth0]:22", ["root@fe80::1%eth0", "-x", "-p22", ...end]],
    ["ssh-ng://me@realm@host", ["me@realm@host", "-x", ...end]],
    ["ssh-ng://b%C3%A4r@host", ["bär@host", "-x", ...end]],
    ["ssh-ng://host?ssh-key=/my%20keys/a+b", ["host", "-x", "-i", "/my keys/a+b", ...end]],
    ["ssh-ng://host?compress=true", ["host", "-x", "-C", ...end]],
    ["ssh-ng://host?compress=0&max-connections=4&store=/nix/store", ["host", "-x", ...end]],
    [
      "ssh-ng://host:7?remote-program=env%20A=b%20~/bin/nix-daemon",
      ["host", "-x", "-p7", "-oPermitLocalCommand=no", "--", "env", "A=b", "~/bin/nix-daemon", "--stdio"],
    ],
    ["ssh-ng://host?remote-program=", ["host", "-x", ...end]],
    ["ssh-ng://host?remote-store=daemon", ["host", "-x", ...end, "--store", "daemon"]],
    [
      "ssh-ng://host?remote-store=/a%20b?root=/it's;x",
      ["host", "-x", ...end, "--store", "'/a b?root=/it'\\''s;x'"],
    ],
  ])("for %s", (url, args) => {
    expect(command(url)).toEqual({ program: "ssh", args, knownHosts: undefined });
  });

  test("has the arguments of NIX_SSHOPTS before those of the URL, so that they prevail", () => {
    const { args } = command("ssh-ng://host:7?ssh-key=/key", {
      NIX_SSHOPTS: `-p 8 -o "User name"  -i 'a b'`,
    });
    expect(args).toEqual([
      "host",
      "-x",
      "-p",
      "8",
      "-o",
      "User name",
      "-i",
      "a b",
      "-i",
      "/key",
      "-p7",
      ...end,
    ]);
  });

  test("needs a file of known hosts where the URL names the host's key", () => {
    for (const line of [key, `${key} root@host`, `${key}\n`]) {
      const made = command(`ssh-ng://me@host:7?base64-ssh-public-host-key=${base64(line)}`);
      expect(made.knownHosts).toBe(`host ${line.trim()}\n`);
      expect(made.args).toEqual(["me@host", "-x", "-p7", ...end]);
      const args = withKnownHosts(made, "/tmp/known hosts");
      expect(args.filter((arg) => !made.args.includes(arg))).toEqual([
        '-oUserKnownHostsFile="/tmp/known hosts"',
      ]);
      expect(args.indexOf('-oUserKnownHostsFile="/tmp/known hosts"')).toBeLessThan(args.indexOf("--"));
    }
  });

  test.each([
    ["ssh://host", /does not begin with ssh-ng/],
    ["ssh-ng://", /host is missing/],
    ["ssh-ng://me@", /host is missing/],
    ["ssh-ng://@host", /user is missing/],
    ["ssh-ng://-oProxyCommand=x", /host begins with a dash/],
    ["ssh-ng://%2DoProxyCommand=x", /host begins with a dash/],
    ["ssh-ng://[-x]", /host begins with a dash/],
    ["ssh-ng://-l@host", /user begins with a dash/],
    ["ssh-ng://me:secret@host", /a password/],
    ["ssh-ng://ho%0Ast", /control character/],
    ["ssh-ng://host/nix", /a path after the host/],
    ["ssh-ng://::1", /is not a host, or a host and a port/],
    ["ssh-ng://[::1", /is not a host, or a host and a port/],
    ["ssh-ng://host:", /is not a host, or a host and a port/],
    ["ssh-ng://host:ssh", /is not a host, or a host and a port/],
    ["ssh-ng://host:0", /no port 0/],
    ["ssh-ng://host:65536", /no port 65536/],
    ["ssh-ng://h%ZZ", /a % that no byte of UTF-8 follows/],
    ["ssh-ng://host?ssh-key", /a parameter in it has no value/],
    ["ssh-ng://host?ssh-key=a&ssh-key=b", /ssh-key twice/],
    ["ssh-ng://host?sshkey=a", /unknown parameter sshkey/],
    ["ssh-ng://host?compress=maybe", /compress is neither true nor false/],
    [`ssh-ng://host?base64-ssh-public-host-key=${key.slice(12)}`, /not the base 64 of a public key/],
    ["ssh-ng://host?base64-ssh-public-host-key=!!", /not the base 64 of a public key/],
    [
      `ssh-ng://host?base64-ssh-public-host-key=${base64(`${key}\n* ${key}`)}`,
      /not the base 64 of a public key/,
    ],
  ])("is refused for %s", (url, message) => {
    expect(() => command(url)).toThrow(
      expect.objectContaining({
        code: "ERR_STORE_URL",
        message: expect.stringMatching(message),
        hint: expect.any(String),
        details: { url: redactUrl(url) },
      }),
    );
  });

  test.each([`"`, `'`, `-o "a`, `a\\`])("is refused where NIX_SSHOPTS is %s", (NIX_SSHOPTS) => {
    expect(() => command("ssh-ng://host", { NIX_SSHOPTS })).toThrow(
      expect.objectContaining({ code: "ERR_STORE_URL", message: expect.stringContaining("NIX_SSHOPTS") }),
    );
  });
});

describe("words", () => {
  test("are those of a shell", async () => {
    const texts = [
      "",
      "  ",
      "a b\tc",
      `'' ""`,
      `a'b c'd"e f"g`,
      String.raw`a\ b \'c\" \\`,
      '"\\$x \\` \\" \\\\ \\n"',
      `'a\\b"c' "d'e"`,
      "-o ProxyCommand='ssh -W %h:%p jump'",
    ];
    for (const text of texts) {
      const { stdout } = await mustRun("sh", ["-c", `for w in ${text}; do printf '%s\\0' "$w"; done`]);
      expect([text, shellWords(text)]).toEqual([text, stdout.toString().split("\0").slice(0, -1)]);
    }
  });

  test("that are quoted are one word again", async () => {
    const random = new Random(41);
    const characters = "ab /:.'\"\\$`!*?[]{}~#&|;<>()=,@%+-\n\tä".split("");
    const texts = Array.from({ length: 60 }, () =>
      Array.from({ length: random.below(12) }, () => random.pick(characters)).join(""),
    );
    for (const text of texts) expect(shellWords(shellQuoted(text))).toEqual([text]);
    const { stdout } = await mustRun("sh", ["-c", `printf '%s\\0' ${texts.map(shellQuoted).join(" ")}`]);
    expect(stdout.toString().split("\0").slice(0, -1)).toEqual(texts);
  });
});

describeWith(["sshd", "ssh", "ssh-keygen", "nix-daemon"], "a daemon behind a real SSH server", () => {
  let nix: TestStore;
  let server: SshServer;
  beforeAll(async () => {
    [nix, server] = await Promise.all([startNixStore(), startSshServer()]);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await nix[Symbol.asyncDispose]();
  });

  const url = (parameters?: Readonly<Record<string, string>>): string => sshStoreUrl(server, nix, parameters);

  /** Says a client's first word, and hangs up when the daemon has answered with its own. */
  async function greet(args: readonly string[]): Promise<RunResult & { readonly isGreeted: boolean }> {
    const input = new PassThrough();
    input.write("cxin\0\0\0\0");
    let answer = "";
    const onStdout = (chunk: Buffer): void => {
      answer += chunk.toString("latin1");
      if (answer.length >= 8) input.end();
    };
    const result = await run("ssh", args, { input, onStdout });
    return { ...result, isGreeted: answer.startsWith("oixd\0\0\0\0") };
  }

  test("greets", async () => {
    const { stderr, isGreeted } = await greet(command(url(), server.env).args);
    expect([stderr, isGreeted]).toEqual([expect.any(String), true]);
  });

  test("opens the store that the URL names, whatever characters that has", async () => {
    await using odd = await temporaryFolder("it's a; store");
    const { args } = command(url({ "remote-store": `local?root=${odd.path}` }), server.env);
    const { stderr, isGreeted } = await greet(args);
    expect([stderr, isGreeted]).toEqual([expect.any(String), true]);
  });

  test("is trusted by the key in the URL, and by no other", async () => {
    await using folder = await temporaryFolder();
    const file = folder.join("known hosts");
    for (const [line, isTrusted] of [
      [server.hostKey, true],
      [key, false],
    ] as const) {
      const parameters = { "base64-ssh-public-host-key": base64(line), "ssh-key": server.key };
      const made = command(url(parameters), { NIX_SSHOPTS: server.options.join(" ") });
      writeFileSync(file, made.knownHosts!);
      const { stderr, isGreeted } = await greet(withKnownHosts(made, file));
      expect([stderr, isGreeted]).toEqual([expect.any(String), isTrusted]);
      if (!isTrusted) expect(stderr).toContain("Host key verification failed");
    }
  });

  test("is not reached with a key that the server does not know", async () => {
    await using folder = await temporaryFolder();
    await mustRun("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", folder.join("key")]);
    const NIX_SSHOPTS = server.env.NIX_SSHOPTS.replace(server.key, folder.join("key"));
    const { isGreeted, code, stderr } = await greet(command(url(), { NIX_SSHOPTS }).args);
    expect([isGreeted, code]).toEqual([false, 255]);
    expect(stderr).toContain("Permission denied (publickey)");
  });
});
