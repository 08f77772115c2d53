import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toJs } from "../../../dist/bytes/json.js";
import { EngineClient } from "../../../dist/transports/engine/client.js";
import { engineHost } from "../../../dist/transports/engine/host.js";
import { makeCertificate } from "../../support/certificate.js";
import { failureOf } from "../../support/failure.js";
import { describeWith } from "../../support/requirements.js";
import { mustRun } from "../../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";

describeWith(["openssl"], "an engine behind TLS", () => {
  let folder: TemporaryFolder;
  let server: ReturnType<typeof createServer>;
  beforeAll(async () => {
    folder = await temporaryFolder("engine-tls");
    // One certificate for all: the authority's, the engine's and ours.
    mkdirSync(folder.join("certificates"));
    const { key, cert } = await makeCertificate(folder.join("certificates"), "engine", "IP:127.0.0.1");
    await mustRun("cp", [cert, folder.join("certificates/ca.pem")]);
    const files = { key: readFileSync(key), cert: readFileSync(cert), ca: readFileSync(cert) };
    server = createServer({ ...files, requestCert: true, rejectUnauthorized: false }, (request, response) => {
      const authorized = "authorized" in request.socket && request.socket.authorized;
      response.end(JSON.stringify({ authorized, path: request.url }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await folder[Symbol.asyncDispose]();
  });

  async function asked(scheme: string, environment: Readonly<Record<string, string>>): Promise<unknown> {
    const host = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/below`;
    const client = new EngineClient(engineHost({ host, environment: { HOME: folder.path, ...environment } }));
    await using _ = client;
    const answer = await client.request({ method: "GET", path: "info", expect: [200] });
    return toJs(await client.json(answer));
  }

  test("is asked with our certificate, and has to prove who it is", async () => {
    const folderOf = { DOCKER_CERT_PATH: folder.join("certificates") };
    const answer = { authorized: true, path: "/below/info" };
    expect(await asked("tcp", { DOCKER_TLS_VERIFY: "1", ...folderOf })).toEqual(answer);
    expect(await asked("https", folderOf)).toEqual(answer);
    expect(await failureOf(asked("https", {}))).toMatchObject({
      code: "ERR_ENGINE_UNREACHABLE",
      message: expect.stringContaining("its certificate is not trusted"),
      hint: expect.stringContaining("DOCKER_CERT_PATH"),
    });
  });

  test("is not reached without it", async () => {
    expect(await failureOf(asked("tcp", {}))).toMatchObject({ code: "ERR_ENGINE_UNREACHABLE" });
  });
});
