import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LaminixError } from "../../../dist/index.js";
import { parseChallenges } from "../../../dist/transports/registry/challenge.js";
import { hasBlob, mountBlob } from "../../../dist/transports/registry/blobs.js";
import { RegistryClient, type RegistryOptions } from "../../../dist/transports/registry/client.js";
import { findCredentials } from "../../../dist/transports/registry/credentials.js";
import { headManifest } from "../../../dist/transports/registry/manifests.js";
import { uploadBlob } from "../../../dist/transports/registry/upload.js";
import { answering, FaultyProxy } from "../../support/faultyProxy.js";
import { failureOf } from "../../support/failure.js";
import { account, type ImageRegistry, startImageRegistry } from "../../support/imageRegistry.js";
import { sha256 } from "../../support/images.js";
import { describeWith, testWith } from "../../support/requirements.js";
import { becomeNobody, moduleUrl, runScript } from "../../support/script.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";
import { SERVICE, TokenServer } from "../../support/tokenServer.js";
import { startTunnels } from "../../support/tunnels.js";

const digest = (bytes: string): `sha256:${string}` => `sha256:${sha256(bytes)}`;
const blob = (text: string) => ({
  digest: digest(text),
  size: text.length,
  open: async function* () {
    yield Buffer.from(text);
  },
});
/** All that could be printed of an error. */
const all = (error: unknown): string => {
  const { message, stack, hint, details, cause } = error as LaminixError;
  return [message, stack, hint, JSON.stringify(details), cause === undefined ? "" : all(cause)].join("\n");
};
const base64 = (text: string): string => Buffer.from(text).toString("base64");

test.each([
  ['Bearer realm="https://a/t",service="x y"', [["bearer", { realm: "https://a/t", service: "x y" }]]],
  ['Basic realm="a \\"b\\", c"', [["basic", { realm: 'a "b", c' }]]],
  [
    'Negotiate, BASIC Realm=x , Bearer a=1,b = "2"',
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
      ["bearer", { a: "1", b: "2" }],
    ],
  ],
  [
    "Negotiate abc+/==, Basic realm=x",
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
    ],
  ],
  [" , Basic", [["basic", {}]]],
  ["", []],
  ['Bearer realm="open', undefined],
  ["Bearer realm=a realm=b", undefined],
  ["Bearer realm=a,realm=b", undefined],
  ['Bearer realm="a"b"', undefined],
  ["=", undefined],
  ["Bearer realm=\u0001", undefined],
])("the challenge %s is read as the standard has it", (header, expected) => {
  const found = parseChallenges(header)?.map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
  expect(found).toEqual(expected);
});

describe("credentials", () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder();
    return () => folder[Symbol.asyncDispose]();
  });
  const write = (name: string, content: unknown): string => {
    const file = folder.join(name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
    return file;
  };
  const helper = (name: string, script: string): void => {
    chmodSync(write(`bin/docker-credential-${name}`, `#!/bin/sh\nread server\n${script}\n`), 0o755);
  };
  const find = (registry: string, repository = "a/b", environment = {}) =>
    findCredentials(
      { registry, repository },
      {
        environment: {
          HOME: folder.path,
          PATH: `${folder.join("bin")}:${process.env["PATH"] ?? ""}`,
          ...environment,
        },
      },
    );
  const password = (username: string, secret = "p:w") => ({ kind: "password", username, password: secret });
  const auth = (username: string) => ({ auth: base64(`${username}:p:w`) });

  test("are nobody's where there are no files", async () => {
    expect(await find("host")).toBeUndefined();
    write(".docker/config.json", "");
    expect(await find("host")).toBeUndefined();
  });

  test("come from Docker's configuration, by any form of the registry's name", async () => {
    const auths = {
      "https://index.docker.io/v1/": auth("hub"),
      "https://old.example/v1/": auth("old"),
      "host:5000": auth("port"),
      "empty.example": {},
      "id.example": { auth: base64("x:"), identitytoken: "idt" },
      "token.example": { registrytoken: "rt" },
      "two.example": { username: "u", password: "p:w" },
    };
    write(".docker/config.json", { auths });
    expect(await find("docker.io")).toEqual(password("hub"));
    expect(await find("old.example")).toEqual(password("old"));
    expect(await find("host:5000")).toEqual(password("port"));
    expect(await find("host")).toBeUndefined();
    expect(await find("empty.example")).toBeUndefined();
    expect(await find("id.example")).toEqual({ kind: "identityToken", token: "idt" });
    expect(await find("token.example")).toEqual({ kind: "registryToken", token: "rt" });
    expect(await find("two.example")).toEqual(password("u"));
    write("elsewhere/config.json", { auths: { "old.example": auth("other") } });
    expect(await find("old.example", "a", { DOCKER_CONFIG: folder.join("elsewhere") })).toEqual(
      password("other"),
    );
  });

  test("are read from base 64 as Docker reads it: with line ends, and with nothing else that is no base 64", async () => {
    const secret = `p:${"w".repeat(70)}\xff?>`;
    const plain = base64(`user:${secret}`);
    expect([plain.length > 76, /[+/]/.test(plain)]).toEqual([true, true]);
    const broken = (end: string): string => plain.replace(/.{76}/g, `$&${end}`) + end;
    for (const auth of [plain, broken("\n"), broken("\r\n"), `\r\n${plain}`]) {
      write(".docker/config.json", { auths: { host: { auth } } });
      expect([auth, await find("host")]).toEqual([auth, password("user", secret)]);
    }
    const padded = base64("user:pw");
    write(".docker/config.json", { auths: { host: { auth: padded.replace(/=/g, "\n=") } } });
    expect(await find("host")).toEqual(password("user", "pw"));
    write(".docker/config.json", { auths: { host: { auth: base64("user:pw\0\0") } } });
    expect(await find("host")).toEqual(password("user", "pw"));
    const refused = [
      broken(" "),
      broken("\t"),
      padded.replace(/=+$/, ""),
      Buffer.from(`user:${secret}`).toString("base64url"),
      `${padded}${padded}`,
      `${padded}=`,
      base64(":pw"),
      "\n",
    ];
    for (const auth of refused) {
      write(".docker/config.json", { auths: { host: { auth } } });
      expect([auth, (await failureOf(find("host"))).code]).toEqual([auth, "ERR_REGISTRY_AUTH"]);
    }
  });

  test("come from auth.json, the nearest namespace's first, and from one file only where it is named", async () => {
    write("run/containers/auth.json", {
      auths: { host: auth("host"), "host/a": auth("a"), "host/a/b": auth("b"), "docker.io": auth("hub") },
    });
    write(".config/containers/auth.json", { auths: { "other.example": auth("other") } });
    write(".docker/config.json", { auths: { host: auth("docker"), "third.example": auth("third") } });
    const environment = { XDG_RUNTIME_DIR: folder.join("run") };
    const names = ["a/b", "a/b/c", "a/x", "ab", "x"].map((name) => find("host", name, environment));
    expect(
      (await Promise.all(names)).map((found) => (found as { readonly username: string }).username),
    ).toEqual(["b", "b", "a", "host", "host"]);
    expect(await find("docker.io", "library/x", environment)).toEqual(password("hub"));
    expect(await find("other.example", "x", environment)).toEqual(password("other"));
    expect(await find("third.example", "x", environment)).toEqual(password("third"));
    expect(await find("host", "x")).toEqual(password("docker"));
    const named = write("named.json", { auths: { host: auth("named") } });
    expect(await find("host", "a", { ...environment, REGISTRY_AUTH_FILE: named })).toEqual(password("named"));
    expect(await find("other.example", "a", { ...environment, REGISTRY_AUTH_FILE: named })).toBeUndefined();
    expect(await find("host", "a", { REGISTRY_AUTH_FILE: folder.join("none") })).toBeUndefined();
  });

  test("come from helpers", async () => {
    helper(
      "keys",
      `echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"$1 $server\\",\\"Secret\\":\\"s\\"}"`,
    );
    helper("tokens", `echo '{"Username":"<token>","Secret":"idt"}'`);
    helper("none", `echo "credentials not found in native keychain"; exit 1`);
    const config = {
      credsStore: "keys",
      credHelpers: { "t.example": "tokens", "n.example": "none" },
      auths: {},
    };
    write(".docker/config.json", config);
    expect(await find("any.example")).toEqual(password("get any.example", "s"));
    expect(await find("docker.io")).toEqual(password("get https://index.docker.io/v1/", "s"));
    expect(await find("t.example")).toEqual({ kind: "identityToken", token: "idt" });
    expect(await find("n.example")).toBeUndefined();
    write(".docker/config.json", { credsStore: "none", auths: { "any.example": auth("written") } });
    expect(await find("any.example")).toEqual(password("written"));
  });

  testWith(["root"], "in another user's home are none, unless they are named", async () => {
    write(".docker/config.json", { auths: { "any.example": auth("written") } });
    chmodSync(folder.path, 0o700);
    const source = `
      ${becomeNobody}
      const { findCredentials } = await import(${JSON.stringify(moduleUrl("transports/registry/credentials.js"))});
      const HOME = ${JSON.stringify(folder.path)};
      const of = { registry: "any.example", repository: "a" };
      const found = (environment) => findCredentials(of, { environment }).catch(({ code }) => code);
      print([await found({ HOME }), await found({ HOME, REGISTRY_AUTH_FILE: HOME + "/.docker/config.json" })]);`;
    const { stdout } = await runScript(source);
    expect(JSON.parse(stdout.toString())).toEqual([null, "ERR_FILE_READ"]);
  });

  test("that cannot be read are told without a word of them", async () => {
    helper("broken", `echo "the secret is topsecret"; echo topsecret >&2; exit 3`);
    helper("odd", `echo topsecret`);
    for (const config of [
      { credsStore: "broken" },
      { credsStore: "odd" },
      { credsStore: "../../bin/odd" },
      { auths: { host: { auth: base64("topsecret") } } },
      { auths: { host: { auth: "topsecret:" } } },
      '{"auths":{"host":{"auth":"topsecret"',
      '"topsecret"',
    ]) {
      write(".docker/config.json", config);
      const error = await failureOf(find("host"));
      expect([config, error.code]).toEqual([config, "ERR_REGISTRY_AUTH"]);
      expect(all(error)).not.toMatch(new RegExp(`topsecret|${base64("topsecret")}`));
    }
    write(".docker/config.json", { credsStore: "missing" });
    expect(await failureOf(find("host"))).toMatchObject({ code: "ERR_PROGRAM" });
  });
});

describeWith(["docker-registry", "openssl", "linux"], "a registry that is not open to all", () => {
  let folder: TemporaryFolder;
  let tokens: TokenServer;
  let byToken: ImageRegistry;
  let byPassword: ImageRegistry;
  let proxy: FaultyProxy;

  beforeAll(async () => {
    tokens = await TokenServer.start();
    const { realm, certificate } = tokens;
    byToken = await startImageRegistry({
      plain: true,
      auth: { kind: "token", realm, service: SERVICE, certificate },
    });
    byPassword = await startImageRegistry({ plain: true, auth: { kind: "password" } });
  });
  afterAll(async () => {
    for (const each of [byToken, byPassword, tokens]) await each[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    folder = await temporaryFolder();
    proxy = await FaultyProxy.start(byToken.host);
    tokens.seen.length = 0;
    tokens.stale = 0;
    tokens.refuse = () => undefined;
    return async () => {
      await proxy[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    };
  });
  const open = (host: string, entry?: unknown, options: RegistryOptions = {}): RegistryClient => {
    const file = folder.join("auth.json");
    writeFileSync(file, JSON.stringify({ auths: entry === undefined ? {} : { [host]: entry } }));
    const environment = { HOME: folder.path, REGISTRY_AUTH_FILE: file };
    return new RegistryClient(host, { environment, firstPause: 1, ...options });
  };
  const right = { auth: base64(`${account.username}:${account.password}`) };

  test("lets in by name and password", async () => {
    await using client = open(byPassword.host, right);
    await uploadBlob(client, "a/b", blob("basic"));
    expect(await hasBlob(client, "a/b", digest("basic"))).toBe(true);
  });

  test("tells nobody and the wrong one apart, and neither's password", async () => {
    await using anonymous = open(byPassword.host);
    const nobody = await failureOf(headManifest(anonymous, "a/b", "1"));
    expect(nobody).toMatchObject({
      code: "ERR_REGISTRY_AUTH",
      hint: `log in: docker login ${byPassword.host}`,
    });
    await using mistaken = open(byPassword.host, { auth: base64("tester:not-it-at-all") });
    const wrong = await failureOf(headManifest(mistaken, "a/b", "1"));
    expect(wrong).toMatchObject({ code: "ERR_REGISTRY_AUTH", details: { status: 401 } });
    expect(wrong.hint).not.toContain("log in:");
    expect(all(wrong)).not.toMatch(new RegExp(`not-it-at-all|${base64("tester:not-it-at-all")}`));
  });

  test("gives nobody in particular a token too, once for each thing to do", async () => {
    await using client = open(proxy.host);
    await Promise.all(["1", "2", "3"].map((tag) => headManifest(client, "a/b", tag)));
    await headManifest(client, "a/b", "4");
    expect(tokens.seen.map(({ scopes }) => scopes)).toEqual([["repository:a/b:pull"]]);
    expect(tokens.seen[0]!.authorization).toBeUndefined();
    await uploadBlob(client, "a/b", blob("token"));
    await uploadBlob(client, "a/b", blob("token, again"));
    expect(tokens.seen.slice(1).map(({ scopes }) => scopes)).toEqual([["repository:a/b:pull,push"]]);
    expect(await mountBlob(client, "c", { digest: digest("token"), from: "a/b" })).toBe(true);
    expect(tokens.seen.at(-1)!.scopes).toEqual(["repository:c:pull,push", "repository:a/b:pull"]);
  });

  test("gets the password only at its authorization server, an identity token in its own way", async () => {
    await using client = open(proxy.host, right);
    await headManifest(client, "a/b", "1");
    expect(tokens.seen.map(({ authorization }) => authorization)).toEqual([`Basic ${right.auth}`]);
    await using its = open(proxy.host, { auth: base64("x:y"), identitytoken: "refresh-me" });
    await headManifest(its, "a/b", "1");
    const { method, form, authorization, scopes } = tokens.seen.at(-1)!;
    expect([
      method,
      form.get("grant_type"),
      form.get("refresh_token"),
      form.get("service"),
      authorization,
      scopes,
    ]).toEqual(["POST", "refresh_token", "refresh-me", SERVICE, undefined, ["repository:a/b:pull"]]);
    expect(
      proxy.seen
        .map(({ headers }) => headers.authorization ?? "Bearer")
        .every((each) => each.startsWith("Bearer")),
    ).toBe(true);
    await using given = open(proxy.host, { registrytoken: tokens.tokens.at(-1)! });
    const before = tokens.seen.length;
    await headManifest(given, "a/b", "1");
    expect(tokens.seen).toHaveLength(before);
  });

  test("has its token renewed when it has run out, in the middle of an upload too", async () => {
    await using client = open(proxy.host);
    tokens.stale = 1;
    await headManifest(client, "a/b", "1");
    expect(tokens.seen).toHaveLength(2);
    await uploadBlob(client, "a/b", blob("one"));
    const before = tokens.seen.length;
    let patches = 0;
    proxy.misbehave = (request, response, it) => {
      if (request.method !== "PATCH" || ++patches !== 2) return false;
      const header = `Bearer realm="${tokens.realm}",service="${SERVICE}",error="invalid_token"`;
      return answering(401, { "www-authenticate": header })(request, response, it);
    };
    const bytes = "x".repeat(2_500_000);
    await uploadBlob(client, "a/b", blob(bytes), { chunkSize: 1_000_000 });
    expect(await hasBlob(client, "a/b", digest(bytes))).toBe(true);
    expect(patches).toBe(4);
    expect(tokens.seen).toHaveLength(before + 1);
  });

  test("asks its authorization server again when that fails, and believes it when it refuses", async () => {
    await using client = open(proxy.host, right);
    let failures = 2;
    tokens.refuse = () => (failures-- > 0 ? { status: 503, text: "busy" } : undefined);
    await headManifest(client, "a/b", "1");
    const echo = JSON.stringify({
      errors: [{ code: "DENIED", message: `\x1b[31mno ${account.password} ${right.auth}` }],
    });
    tokens.refuse = () => ({ status: 403, text: echo });
    const error = await failureOf(headManifest(client, "other", "1"));
    expect(error).toMatchObject({ code: "ERR_REGISTRY_AUTH", details: { status: 403 } });
    expect(error.message).toContain("[31mno … …");
    expect(all(error)).not.toMatch(new RegExp(`\x1b|${account.password}|${right.auth}`));
    tokens.refuse = () => "cut";
    expect(await failureOf(headManifest(client, "cut", "1"))).toMatchObject({
      code: "ERR_REGISTRY_UNREACHABLE",
    });
    for (const text of ["", "{}", '{"token":"a b"}', "<html>", '{"token":""}']) {
      tokens.refuse = () => ({ status: 200, text });
      expect(await failureOf(headManifest(client, "third", "1"))).toMatchObject({
        code: "ERR_REGISTRY_AUTH",
      });
    }
  });

  test("is refused when its challenge is malformed, or leads the password astray", async () => {
    for (const header of [
      undefined,
      'Bearer realm="',
      "Digest realm=x",
      "Bearer realm=ftp",
      'Bearer realm="file:///x"',
    ]) {
      proxy.misbehave = answering(401, header === undefined ? {} : { "www-authenticate": header });
      await using client = open(proxy.host, right);
      const error = await failureOf(headManifest(client, "a/b", "1"));
      expect([header, error.code]).toEqual([header, "ERR_REGISTRY_AUTH"]);
    }
    expect(tokens.seen).toEqual([]);
  });
});

describeWith(["docker-registry", "openssl", "linux"], "a registry behind TLS", () => {
  let registry: ImageRegistry;
  beforeAll(async () => {
    registry = await startImageRegistry();
    return () => registry[Symbol.asyncDispose]();
  });
  const environment = { HOME: "/nowhere" };

  test("has to prove who it is, unless it is said to need not", async () => {
    await using client = new RegistryClient(registry.host, { environment });
    const error = await failureOf(headManifest(client, "a/b", "1"));
    expect(error).toMatchObject({ code: "ERR_REGISTRY_UNREACHABLE" });
    expect(error.message).toContain("certificate");
    expect(error.hint).toContain("--no-tls-verify");
    await using trusting = new RegistryClient(registry.host, { environment, tlsVerify: false });
    expect(await headManifest(trusting, "a/b", "1")).toBeUndefined();
    await uploadBlob(trusting, "a/b", blob("tls"));
  });

  test("is the only one that need not: where it leads to has to", async () => {
    await using other = await startImageRegistry();
    await using front = await FaultyProxy.start("127.0.0.1:1");
    front.misbehave = (request, response) => {
      const location = request.url === "/v2/" ? undefined : `https://${other.host}${request.url ?? ""}`;
      response
        .writeHead(location === undefined ? 200 : 307, location === undefined ? {} : { location })
        .end();
      return true;
    };
    await using client = new RegistryClient(front.host, { environment, tlsVerify: false, plainHttp: true });
    const error = await failureOf(hasBlob(client, "a/b", digest("x")));
    expect(error).toMatchObject({ code: "ERR_REGISTRY_UNREACHABLE" });
    expect(error.message).toContain("certificate");
  });

  test("is not asked without it when it was not said", async () => {
    await using client = new RegistryClient(registry.host, { environment, plainHttp: true });
    expect(await failureOf(headManifest(client, "a/b", "1"))).toMatchObject({
      code: "ERR_REGISTRY",
      details: { status: 400 },
    });
  });
});

describeWith(["docker-registry", "openssl", "linux"], "a registry behind a proxy", () => {
  test("is asked through it, unless the environment says otherwise", async () => {
    await using registry = await startImageRegistry({ plain: true });
    await using proxy = await startTunnels(registry.host);
    const open = (more: Readonly<Record<string, string>>): RegistryClient =>
      new RegistryClient("registry.invalid:5000", {
        ...{ plainHttp: true, attempts: 1 },
        environment: { HOME: "/nowhere", ...more },
      });
    for (const environment of [
      { http_proxy: proxy.url, HTTP_PROXY: "http://127.0.0.1:1" },
      { HTTP_PROXY: proxy.url },
    ]) {
      await using client = open(environment);
      await uploadBlob(client, "a/b", blob(JSON.stringify(environment)));
      expect(await hasBlob(client, "a/b", digest(JSON.stringify(environment)))).toBe(true);
    }
    expect(new Set(proxy.asked)).toEqual(new Set(["registry.invalid:5000"]));
    const before = proxy.asked.length;
    for (const environment of [
      { HTTPS_PROXY: proxy.url },
      { HTTP_PROXY: proxy.url, NO_PROXY: "x,.invalid" },
    ]) {
      await using client = open(environment);
      expect(await failureOf(hasBlob(client, "a/b", digest("")))).toMatchObject({
        code: "ERR_REGISTRY_UNREACHABLE",
      });
    }
    await using near = new RegistryClient(registry.host, { environment: { HTTP_PROXY: proxy.url } });
    expect(await hasBlob(near, "a/b", digest(""))).toBe(false);
    expect(proxy.asked).toHaveLength(before);
  });
});
