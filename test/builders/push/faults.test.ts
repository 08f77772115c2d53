import { writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { pushImage, Registries } from "../../../dist/index.js";
import { failureOf } from "../../support/failure.js";
import {
  answering,
  cutAfter,
  drop,
  type FaultyProxy,
  FaultyProxy as Proxy,
  type Misbehaviour,
  swallow,
} from "../../support/faultyProxy.js";
import { startImageRegistry } from "../../support/imageRegistry.js";
import { expectSound, tagsIn } from "../../support/registryStorage.js";
import { describeWith } from "../../support/requirements.js";
import { SERVICE, TokenServer } from "../../support/tokenServer.js";
import { fatesOf, type PushScene, startPushScene } from "./scene.js";

/** The line is dead after so many bytes of the request's body. */
function dropAfter(bytes: number): Misbehaviour {
  return async (request, response) => {
    let left = bytes;
    for await (const piece of request as AsyncIterable<Buffer>) if ((left -= piece.length) < 0) break;
    response.destroy();
    return true;
  };
}

/** Passes only the beginning of a body on; then both lines are dead. */
function truncate(bytes: number): Misbehaviour {
  return async (request, response, proxy) => {
    await proxy.passPart(request, bytes);
    response.destroy();
    return true;
  };
}

const late: Misbehaviour = async () => {
  await new Promise((resolve) => setTimeout(resolve, 300));
  return false;
};

/** Answers with another digest than the registry's. */
const lying: Misbehaviour = (request: IncomingMessage, response: ServerResponse, proxy: FaultyProxy) => {
  const write = response.writeHead.bind(response) as (status: number, headers: object) => ServerResponse;
  response.writeHead = ((status: number, headers: object) =>
    write(status, { ...headers, "docker-content-digest": `sha256:${"1".repeat(64)}` })) as never;
  proxy.pass(request, response);
  return true;
};

/** What is sent arrives changed. */
const changed: Misbehaviour = (request, response, proxy) => {
  proxy.pass(request, response, undefined, async function* (pieces) {
    for await (const piece of pieces) {
      const other = Buffer.from(piece);
      other[other.length >> 1]! ^= 1;
      yield other;
    }
  });
  return true;
};

describeWith(
  ["docker-registry", "openssl", "nix-daemon", "linux"],
  "a push over a line that is not to be trusted",
  () => {
    let scene: PushScene;
    let repository: string;
    let name: string;
    /** The digest of what is pushed over a good line. */
    let expected: string;
    beforeAll(async () => {
      scene = await startPushScene();
      expected = (await scene.push(`${scene.registry.host}/it/expected:1`)).digest;
    });
    afterAll(() => scene[Symbol.asyncDispose]());
    beforeEach(() => {
      repository = scene.repository();
      name = `${scene.proxy.host}/${repository}`;
    });
    afterEach(() => {
      scene.proxy.misbehave = () => false;
      expectSound(scene.registry.storage);
    });
    const UPLOAD = /(?:PATCH|PUT) .*\/blobs\/uploads\//;

    test.each<[string, number, RegExp, Misbehaviour]>([
      ["lines that are dropped at once", 3, /./, drop],
      ["lines that are dropped when something is sent", 3, UPLOAD, drop],
      ["lines that are dropped in mid-upload", 2, UPLOAD, dropAfter(100_000)],
      ["uploads that arrive in part", 2, /PATCH/, truncate(500_000)],
      ["uploads whose answer does not arrive", 2, UPLOAD, swallow],
      ["answers that come late", 8, /./, late],
      ["answers that are cut off", 2, /GET .*manifests/, cutAfter(100)],
      ["a server that is overrun", 3, UPLOAD, answering(503, { "retry-after": "0" })],
      ["too many requests", 3, /(POST|HEAD) /, answering(429, { "retry-after": "1" })],
      ["a server that fails", 3, /POST|PUT/, answering(500)],
      ["a manifest that is not taken at first", 2, /PUT .*manifests/, answering(502)],
      ["a manifest whose answer does not arrive", 1, /PUT .*manifests/, drop],
      ["uploads that are forgotten", 2, /PATCH/, answering(404)],
      ["bytes that arrive changed", 1, UPLOAD, changed],
    ])("gets by with %s", async (_, times, what, how) => {
      await scene.push(`${scene.registry.host}/${repository}:1`, {
        contents: [],
        config: { Env: ["OLD=1"] },
      });
      scene.proxy.first(times, what, how);
      const pushed = await scene.push(`${name}:1`);
      expect(pushed.digest).toBe(expected);
      expect(tagsIn(scene.registry.storage)[`${repository}:1`]).toBe(expected);
    });

    test.each<[string, RegExp, Misbehaviour, string]>([
      ["is never reached", /./, drop, "ERR_REGISTRY_UNREACHABLE"],
      ["drops every upload", /PATCH|PUT/, drop, "ERR_REGISTRY_UNREACHABLE"],
      ["always fails", /POST/, answering(500), "ERR_REGISTRY"],
      [
        "wants to be left alone for an hour",
        /POST/,
        answering(429, { "retry-after": "3600" }),
        "ERR_REGISTRY",
      ],
      ["takes no manifest", /PUT .*manifests/, answering(400), "ERR_REGISTRY"],
      ["takes a manifest for another", /PUT .*manifests/, lying, "ERR_DIGEST"],
      ["gets every byte wrong", UPLOAD, changed, "ERR_REGISTRY"],
      ["lets nobody push", /POST/, answering(403), "ERR_REGISTRY_AUTH"],
    ])("ends with an error, and the tag as it was, where the registry %s", async (_, what, how, code) => {
      const before = await scene.push(`${scene.registry.host}/${repository}:1`, {
        contents: [],
        config: { Env: ["OLD=1"] },
      });
      scene.proxy.first(Infinity, what, how);
      const registries = scene.impatient();
      const error = await failureOf(scene.push(`${name}:1`, {}, { registries }));
      await registries.close();
      expect(error.code).toBe(code);
      // The registry that lies has taken the manifest, which is whole.
      if (code !== "ERR_DIGEST")
        expect(tagsIn(scene.registry.storage)[`${repository}:1`]).toBe(before.digest);
    });

    test("can be aborted at any time, and leaves no tag", async () => {
      for (const when of [
        /GET .*manifests/,
        /HEAD .*blobs/,
        /POST/,
        /PATCH/,
        /PUT .*blobs/,
        /PUT .*manifests/,
      ]) {
        const stop = new AbortController();
        scene.proxy.first(1, when, () => {
          stop.abort("enough");
          return true;
        });
        // Nothing has been taken over that could be aborted before it is sent.
        const target = `${scene.proxy.host}/${scene.repository()}`;
        await expect(scene.push(`${target}:1`, {}, { signal: stop.signal })).rejects.toBe("enough");
        expect(Object.keys(tagsIn(scene.registry.storage))).not.toContain(
          `${target.slice(scene.proxy.host.length + 1)}:1`,
        );
      }
    });
  },
);

describeWith(
  ["docker-registry", "openssl", "nix-daemon", "linux"],
  "a push to a registry that gives out tokens",
  () => {
    let scene: PushScene;
    beforeAll(async () => {
      scene = await startPushScene();
    });
    afterAll(() => scene[Symbol.asyncDispose]());

    test("renews those that have run out, sends none to other hosts, and tells none", async () => {
      await using tokens = await TokenServer.start();
      const auth = {
        kind: "token",
        realm: tokens.realm,
        service: SERVICE,
        certificate: tokens.certificate,
      } as const;
      await using registry = await startImageRegistry({ plain: true, auth });
      await using before = await Proxy.start(registry.host);
      await using storage = await Proxy.start(registry.host);
      // As registries do that keep blobs elsewhere; what the registry asks for is allowed there by the query alone.
      let bearer = "";
      const brought: (string | undefined)[] = [];
      storage.misbehave = (request, response, proxy) => {
        brought.push(request.headers.authorization);
        request.headers.authorization = bearer;
        proxy.pass(request, response);
        return true;
      };
      const led: string[] = [];
      before.misbehave = (request, response) => {
        const { method = "", url = "", headers } = request;
        bearer = headers.authorization ?? bearer;
        if (method !== "GET" || !url.includes("/blobs/")) return false;
        led.push(url);
        response.writeHead(307, { location: `http://${storage.host}${url}` }).end();
        return true;
      };
      writeFileSync(
        scene.folder.join("config.json"),
        JSON.stringify({
          auths: { [before.host]: { auth: Buffer.from("tester:s3cret-pass").toString("base64") } },
        }),
      );
      const environment = { HOME: "/nowhere", DOCKER_CONFIG: scene.folder.path };
      await using registries = new Registries({ environment });
      tokens.stale = 2;
      const said: unknown[] = [];
      const options = { registries, onProgress: (event: unknown) => said.push(event) };
      const first = await scene.push(`${before.host}/it/private:1`, {}, options);
      const second = await scene.push(`${before.host}/it/private:1`, {}, options);
      expect(fatesOf(second)).toEqual(["unread", "unread", "unread", "unread"]);
      // From one repository to another: the token has to be for both.
      const mounted = await scene.push(
        `${before.host}/it/other:1`,
        {},
        {
          ...options,
          cacheFrom: [`${before.host}/it/private:1`],
        },
      );
      expect(fatesOf(mounted)).toEqual(["mounted", "mounted", "mounted", "mounted"]);
      expect(led.length).toBeGreaterThan(0);
      expect(brought).toEqual(led.map(() => undefined));
      expect(tokens.tokens.length).toBeGreaterThan(2);
      tokens.refuse = () => ({ status: 401, text: `no, ${tokens.tokens[0]!}` });
      await using strangers = new Registries({ environment });
      await using image = await scene.build();
      const error = await failureOf(pushImage(image, `${before.host}/it/third:1`, { registries: strangers }));
      expect(error.code).toBe("ERR_REGISTRY_AUTH");
      const all = JSON.stringify([
        first,
        second,
        mounted,
        said,
        error,
        error.details,
        error.message,
        error.hint,
      ]);
      for (const secret of ["s3cret-pass", "dGVzdGVy", ...tokens.tokens]) expect(all).not.toContain(secret);
      expectSound(registry.storage);
    });
  },
);
