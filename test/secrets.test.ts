/** No password of a URL gets out of the library or the command line, in whichever place and form it is given. */
import { writeFileSync } from "node:fs";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as library from "../dist/index.js";
import { parseStoreUrl } from "../dist/store/location.js";
import { engineHost } from "../dist/transports/engine/host.js";
import { hasBlob } from "../dist/transports/registry/blobs.js";
import { RegistryClient } from "../dist/transports/registry/client.js";
import { findCredentials } from "../dist/transports/registry/credentials.js";
import { runMain } from "./cli/commandLine.js";
import { RecordingServer } from "./support/recordingServer.js";
import { type TemporaryFolder, temporaryFolder } from "./support/temporary.js";

const MARK = "s3cretMARK";
/** Nobody listens there. */
const HOST = "127.0.0.1:1";

const forms = (scheme: string): string[] => [
  `${scheme}user:${MARK}@${HOST}`,
  `${scheme}user:a/${MARK}@${HOST}/x`,
  `${scheme}user:a?${MARK}=b@${HOST}`,
  `${scheme}user:a#${MARK}=@${HOST}`,
  `${scheme}user:%zz${MARK}@${HOST}`,
  `${scheme}u@v:${MARK}@${HOST}`,
  `${scheme}user:${"x".repeat(100)}${MARK}@${HOST}`,
];
/** What only a URL can have. */
const more = (scheme: string): string[] => [
  ...forms(scheme),
  `${scheme}user:${MARK}`,
  `${scheme}user:a ${MARK}@${HOST}`,
  `${scheme}user:a"${MARK}@${HOST}`,
  `${scheme}${HOST}?token=${MARK}`,
  `${scheme}${HOST}?${MARK}`,
];
const schemes = ["http://", "https://", "ssh-ng://", "ssh://", "s3://", "file://", "unix://", "tcp://"];
/** Of all the rest, what shows most. */
const some = [...more("https://"), ...more("ssh-ng://"), ...forms("")];
const urls = [...schemes.flatMap(more), ...forms(""), ...forms("http:"), ...forms("http:/")];

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** All that there is to an error: what is printed of it, and what is hidden in it. */
function all(error: unknown): string {
  const { message, hint, details, stack, cause } = error as library.LaminixError;
  const inner = cause === undefined ? "" : all(cause);
  const json = JSON.stringify([error, message, hint, details, stack]);
  return [json, inspect(error, { depth: 20, showHidden: true }), inner].join("\n");
}

async function failure(call: () => unknown): Promise<unknown> {
  try {
    const result = await call();
    if (result instanceof library.NixStore || result instanceof library.BinaryCacheStore)
      await result.close();
    return undefined;
  } catch (error) {
    return error;
  }
}

const path = `/nix/store/${"1".repeat(32)}-x`;
const quick = { attempts: 1, firstPause: 1 };
const calls: Readonly<Record<string, (url: string) => unknown>> = {
  openStore: (url) => library.openStore(url),
  "openStore, by NIX_REMOTE": (url) => parseStoreUrl("auto", { NIX_REMOTE: url }),
  "a parameter of a store": (url) =>
    parseStoreUrl(`ssh-ng://host?compress=${encodeURIComponent(url)}&store=${url}`),
  NIX_SSHOPTS: (url) => parseStoreUrl("ssh-ng://host", { NIX_SSHOPTS: `-o "${url}` }),
  openBinaryCache: (url) => library.openBinaryCache(url, quick),
  "a parameter of a binary cache": (url) =>
    library.openBinaryCache(`file:///none?priority=${url}&trusted=${url}`),
  "keys to trust": (url) =>
    library.openBinaryCache("file:///none", { trustedPublicKeys: [`name:${MARK}`, url, `${url}:x`] }),
  allowNarHosts: (url) => library.openBinaryCache("file:///none", { allowNarHosts: [url] }),
  "a wrong argument": (url) => library.openBinaryCache("file:///none", url as never),
  pullImage: (url) => library.pullImage(url, { output: folder.join("out.tar") }),
  "pullImage, as docker://": (url) =>
    library.pullImage(`docker://${url}`, { output: folder.join("out.tar") }),
  lockImage: (url) => library.lockImage(url, { output: folder.join("out.json") }),
  "an engine": (url) => engineHost({ host: url, environment: {} }),
  DOCKER_HOST: (url) => engineHost({ environment: { DOCKER_HOST: url } }),
  CONTAINER_HOST: (url) => engineHost({ engine: "podman", environment: { CONTAINER_HOST: url } }),
  Registries: (url) => new library.Registries({ exceptions: { [url]: { tlsVerify: url as never } } }),
  "a proxy": async (url) => {
    const environment = { HOME: folder.path, https_proxy: url, HTTP_PROXY: url };
    await using client = new RegistryClient("registry.invalid", { ...quick, environment });
    await hasBlob(client, "a/b", `sha256:${"0".repeat(64)}`);
  },
  "a registry's name in a credentials file": async (url) => {
    writeFileSync(
      folder.join("auth.json"),
      JSON.stringify({ auths: { [url]: { auth: MARK }, host: { auth: MARK } } }),
    );
    const environment = { REGISTRY_AUTH_FILE: folder.join("auth.json") };
    return findCredentials({ registry: "host", repository: "a/b" }, { environment });
  },
};

test.each(Object.keys(calls))("%s keeps what it is given to itself", async (name) => {
  let failed = 0;
  for (const url of urls) {
    const error = await failure(() => calls[name]?.(url));
    if (error === undefined) continue;
    failed++;
    expect([url, (error as library.LaminixError).code]).toEqual([
      url,
      expect.stringMatching(/^ERR_[A-Z_]+$/),
    ]);
    expect([url, all(error)]).toEqual([url, expect.not.stringContaining(MARK)]);
  }
  // A call that takes everything would show nothing here.
  expect(failed).toBeGreaterThan(0);
});

describe("the command line", () => {
  const commands: Readonly<Record<string, (url: string) => readonly string[]>> = {
    store: (url) => ["store", "--store", url],
    closure: (url) => ["closure", path, "--store", url],
    stream: (url) => ["stream", path, "--store", url],
    pull: (url) => ["pull", url, "-o", folder.join("out.tar")],
    "pull, as docker://": (url) => ["pull", `docker://${url}`, "-o", folder.join("out.tar")],
    lock: (url) => ["lock", url, "-o", folder.join("out.json")],
    blob: (url) => ["blob", url, "--size", "1", "-o", folder.join("out")],
    inspect: (url) => ["inspect", `docker://${url}`],
    push: (url) => ["push", folder.join("none.tar"), url],
    load: (url) => ["load", folder.join("none.tar"), "--host", url],
    "an unknown flag": (url) => ["closure", path, `--stroe=${url}`],
    "an argument too many": (url) => ["store", url],
    "a number": (url) => ["closure", path, "--jobs", url],
  };
  test.each(Object.keys(commands))("keeps what it is given to itself: %s", async (name) => {
    let failed = 0;
    for (const url of some) {
      for (const flags of [[], ["--json"], ["--verbose"]]) {
        const argv = [...(commands[name]?.(url) ?? []), ...flags];
        const { code, stdout, stderr } = await runMain(argv, { environment: { HOME: folder.path } });
        failed += code === 0 ? 0 : 1;
        expect([url, stderr, stdout.toString()]).toEqual([
          url,
          expect.not.stringContaining(MARK),
          expect.not.stringContaining(MARK),
        ]);
        expect(stderr).not.toContain("ERR_INTERNAL");
      }
    }
    expect(failed).toBeGreaterThan(0);
  });

  test("keeps a URL to itself where a file is expected", async () => {
    for (const url of forms("https://")) {
      for (const command of [
        ["inspect", url],
        ["export", url],
        ["closure", url, "--store", "file:///none"],
      ]) {
        const { code, stderr } = await runMain(command, { environment: { HOME: folder.path } });
        expect([command, code === 0, stderr]).toEqual([command, false, expect.not.stringContaining(MARK)]);
      }
    }
  });
});

test("what a registry repeats of a password or a token is not told, in its codes either", async () => {
  await using registry = await RecordingServer.start();
  const auth = Buffer.from(`user:${MARK}`).toString("base64");
  let cut = false;
  registry.answer = ({ headers }, response) => {
    if (headers.authorization === undefined) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      return;
    }
    const said = { code: `${MARK} ${headers.authorization}`, message: `${MARK} ${headers.authorization}` };
    // Also where it is cut for being long.
    if (cut) said.message = `${"x".repeat(300 - MARK.length / 2)}${MARK}`;
    const detail = { message: said.message };
    response.writeHead(400).end(JSON.stringify({ errors: [{ ...said, detail }] }));
  };
  writeFileSync(folder.join("auth.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
  const environment = { HOME: folder.path, REGISTRY_AUTH_FILE: folder.join("auth.json") };
  await using client = new RegistryClient(registry.host, { ...quick, plainHttp: true, environment });
  const ask = (): unknown =>
    client.request({
      method: "GET",
      target: "a/b",
      access: { repository: "a/b", actions: "pull" },
      expect: [],
    });
  for (cut of [false, true]) {
    const error = await failure(ask);
    expect(error).toMatchObject({ code: "ERR_REGISTRY" });
    expect(all(error)).not.toMatch(new RegExp(`${MARK.slice(0, MARK.length / 2)}|${auth}`));
  }
});
