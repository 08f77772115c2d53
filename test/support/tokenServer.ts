import { createPrivateKey, createSign, randomUUID, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { mustRun } from "./run.js";
import { type TemporaryFolder, temporaryFolder } from "./temporary.js";

export interface TokenRequest {
  readonly method: string;
  readonly scopes: readonly string[];
  readonly authorization: string | undefined;
  readonly form: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** Gives tokens that a registry takes which was told of its certificate. */
export class TokenServer implements AsyncDisposable {
  /** The certificate's file. */
  readonly certificate: string;
  readonly seen: TokenRequest[] = [];
  /** All that have been given. */
  readonly tokens: string[] = [];
  /** The first so many tokens are those of an hour ago. */
  stale = 0;
  /** Whether a request gets one; an answer's status and text otherwise, or one that is cut off. */
  refuse: (request: TokenRequest) => { readonly status: number; readonly text: string } | "cut" | undefined =
    () => undefined;
  readonly #folder: TemporaryFolder;
  readonly #server;

  private constructor(folder: TemporaryFolder, key: string, certificate: X509Certificate) {
    this.#folder = folder;
    this.certificate = folder.join("cert.pem");
    this.#server = createServer((request, response) => {
      void (async () => {
        const url = new URL(request.url ?? "", "http://localhost");
        const pieces: Buffer[] = [];
        for await (const piece of request) pieces.push(piece as Buffer);
        const form = new URLSearchParams(Buffer.concat(pieces).toString());
        const scopes = [...url.searchParams.getAll("scope"), ...(form.get("scope")?.split(" ") ?? [])];
        const { method = "", headers } = request;
        const asked = { method, scopes, authorization: headers.authorization, form, headers };
        this.seen.push(asked);
        const refusal = this.refuse(asked);
        if (refusal === "cut") {
          response.writeHead(200, { "content-length": "1000" }).write("{", () => response.destroy());
          return;
        }
        if (refusal) {
          response.writeHead(refusal.status).end(refusal.text);
          return;
        }
        const isStale = this.stale > 0;
        if (isStale) this.stale--;
        const token = signed(scopes, key, certificate, isStale);
        this.tokens.push(token);
        response.end(
          JSON.stringify(method === "POST" ? { access_token: token } : { token, expires_in: 300 }),
        );
      })();
    });
  }

  static async start(): Promise<TokenServer> {
    const folder = await temporaryFolder("tokens");
    const [key, certificate] = [folder.join("key.pem"), folder.join("cert.pem")];
    await mustRun("openssl", [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tokens"],
      ...["-keyout", key, "-out", certificate],
    ]);
    const server = new TokenServer(
      folder,
      await readFile(key, "utf8"),
      new X509Certificate(await readFile(certificate)),
    );
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get realm(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
    await this.#folder[Symbol.asyncDispose]();
  }
}

export const SERVICE = "the registry";

/** Format: distribution's "Token Authentication Implementation". */
function signed(
  scopes: readonly string[],
  key: string,
  certificate: X509Certificate,
  isStale: boolean,
): string {
  const now = Math.floor(Date.now() / 1000) - (isStale ? 3600 : 0);
  const access = scopes.map((scope) => {
    const [type, name, actions = ""] = scope.split(":");
    return { type, name, actions: actions.split(",") };
  });
  const header = { typ: "JWT", alg: "RS256", x5c: [certificate.raw.toString("base64")] };
  const claims = {
    ...{ iss: "test", sub: "tester", aud: SERVICE, jti: randomUUID() },
    ...{ exp: now + 300, nbf: now - 10, iat: now, access },
  };
  const text = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = createSign("RSA-SHA256").update(text).sign(createPrivateKey(key)).toString("base64url");
  return `${text}.${signature}`;
}
