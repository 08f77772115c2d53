import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LaminixError } from "../../../dist/errors.js";
import { engineHost, type HostOptions } from "../../../dist/transports/engine/host.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("engine-host");
});
afterAll(() => folder[Symbol.asyncDispose]());

/** A home without any configuration unless the test makes one. */
function found(options: Partial<HostOptions> = {}): {
  readonly name: string;
  readonly url: string;
  readonly socket?: string;
} {
  const { environment = {}, ...rest } = options;
  const { name, url, socket } = engineHost({
    ...rest,
    environment: { HOME: folder.join("home"), ...environment },
  });
  return { name, url: url.href, ...(socket !== undefined && { socket }) };
}

function failure(options: Partial<HostOptions>): LaminixError {
  try {
    found(options);
  } catch (error) {
    return error as LaminixError;
  }
  throw new Error("nothing was thrown");
}

/** A configuration of Docker with contexts. */
function dockerConfig(name: string, config: object, contexts: Readonly<Record<string, object>> = {}): string {
  const place = folder.join(name);
  mkdirSync(place, { recursive: true });
  writeFileSync(`${place}/config.json`, JSON.stringify(config));
  for (const [context, endpoint] of Object.entries(contexts)) {
    const meta = `${place}/contexts/meta/${idOf(context)}`;
    mkdirSync(meta, { recursive: true });
    writeFileSync(`${meta}/meta.json`, JSON.stringify({ Name: context, Endpoints: { docker: endpoint } }));
  }
  return place;
}

const idOf = (context: string): string => createHash("sha256").update(context).digest("hex");

describe("Docker listens", () => {
  test("where it is said to, else where DOCKER_HOST says, else at its usual socket", () => {
    const environment = { DOCKER_HOST: "tcp://other:1" };
    expect(found({ host: "unix:///a/b.sock", environment })).toMatchObject({ socket: "/a/b.sock" });
    expect(found({ environment })).toEqual({ name: "tcp://other:1", url: "http://other:1/" });
    expect(found().socket).toBe("/var/run/docker.sock");
    expect(found({ environment: { DOCKER_HOST: "" } }).socket).toBe("/var/run/docker.sock");
  });

  test.each([
    ["tcp://engine", "http://engine:2375/"],
    ["tcp://engine:80", "http://engine/"],
    ["tcp://[::1]:2375/below", "http://[::1]:2375/below/"],
    ["http://engine", "http://engine/"],
    ["https://engine:1", "https://engine:1/"],
  ])("by TCP at %s", (host, url) => {
    expect(found({ host }).url).toBe(url);
  });

  test("with TLS where DOCKER_TLS_VERIFY asks for it, with the certificates of DOCKER_CERT_PATH", () => {
    const certificates = folder.join("certificates");
    mkdirSync(certificates);
    for (const name of ["ca", "cert"]) writeFileSync(`${certificates}/${name}.pem`, name);
    const environment = {
      DOCKER_HOST: "tcp://engine",
      DOCKER_TLS_VERIFY: "0",
      DOCKER_CERT_PATH: certificates,
    };
    const host = engineHost({ environment });
    expect(host.url.href).toBe("https://engine:2376/");
    expect([host.certificates?.ca, host.certificates?.cert].map(String)).toEqual(["ca", "cert"]);
    expect(host.certificates?.key).toBeUndefined();
    // A socket needs none.
    expect(found({ host: "unix:///a", environment }).url).toBe("http://localhost/");
  });

  test("where the context in use says, unless a host or another context is named", () => {
    const config = dockerConfig(
      "contexts",
      { currentContext: "one" },
      { one: { Host: "unix:///one.sock" }, two: { Host: "tcp://two:1", SkipTLSVerify: true } },
    );
    mkdirSync(`${config}/contexts/tls/${idOf("two")}/docker`, { recursive: true });
    writeFileSync(`${config}/contexts/tls/${idOf("two")}/docker/ca.pem`, "ca of two");
    const environment = { DOCKER_CONFIG: config };
    expect(found({ environment }).socket).toBe("/one.sock");
    const two = engineHost({ environment: { ...environment, DOCKER_CONTEXT: "two" } });
    expect(two.url.href).toBe("https://two:1/");
    expect(two.certificates).toMatchObject({ unverified: true, ca: Buffer.from("ca of two") });
    for (const [more, socket] of [
      [{ DOCKER_CONTEXT: "default" }, "/var/run/docker.sock"],
      [{ DOCKER_CONTEXT: "" }, "/one.sock"],
      [{ DOCKER_CONTEXT: "two", DOCKER_HOST: "unix:///host.sock" }, "/host.sock"],
    ] as const) {
      expect(found({ environment: { ...environment, ...more } }).socket).toBe(socket);
    }
  });

  test("nowhere where its context is not there or says no host", () => {
    const config = dockerConfig("broken", {}, { empty: {} });
    for (const name of ["absent", "empty"]) {
      const error = failure({ environment: { DOCKER_CONFIG: config, DOCKER_CONTEXT: name } });
      expect(error).toMatchObject({ code: "ERR_ENGINE_HOST", details: { context: name } });
    }
    writeFileSync(`${config}/config.json`, "{");
    expect(failure({ environment: { DOCKER_CONFIG: config } }).code).toBe("ERR_JSON");
  });
});

describe("podman listens", () => {
  test("where CONTAINER_HOST says, else at the user's socket, else at root's", () => {
    const environment = { DOCKER_HOST: "unix:///docker.sock", XDG_RUNTIME_DIR: folder.join("run") };
    expect(found({ engine: "podman", environment }).socket).toBe("/run/podman/podman.sock");
    mkdirSync(folder.join("run/podman"), { recursive: true });
    writeFileSync(folder.join("run/podman/podman.sock"), "");
    expect(found({ engine: "podman", environment }).socket).toBe(folder.join("run/podman/podman.sock"));
    const said = { ...environment, CONTAINER_HOST: "tcp://podman:8080" };
    expect(found({ engine: "podman", environment: said }).url).toBe("http://podman:8080/");
  });
});

describe("no engine is looked for", () => {
  test.each([
    ["ssh://me:secret@host", "ssh://"],
    ["fd://", "fd://"],
    ["npipe:////./pipe/docker", "npipe://"],
    ["/var/run/docker.sock", "no scheme"],
    ["host:2375", "no scheme"],
    ["unix://docker.sock", "whole path"],
    ["tcp://", "malformed"],
    ["tcp://host:port", "malformed"],
    ["tcp://me:secret@host:1", "password"],
  ])("at %s", (host, message) => {
    const error = failure({ host });
    expect(error).toMatchObject({ code: "ERR_ENGINE_HOST", message: expect.stringContaining(message) });
    expect(error.hint).toMatch(/unix:\/\//);
    expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain("secret");
  });
});
