import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

type Handler = (request: RecordedRequest, response: ServerResponse) => void;

export interface RecordingOptions {
  /** `127.0.0.1` unless given. `localhost` is another host, even where it is the same machine. */
  readonly name?: "127.0.0.1" | "localhost";
  /** For TLS. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer };
}

/** An HTTP server on the loopback interface that remembers all it is told. */
export class RecordingServer implements AsyncDisposable {
  readonly seen: RecordedRequest[] = [];
  readonly host: string;
  readonly url: string;
  answer: Handler = (_, response) => response.writeHead(404).end();
  readonly #server;

  private constructor(server: ReturnType<typeof createServer>, host: string, url: string) {
    this.#server = server;
    this.host = host;
    this.url = url;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      void (async () => {
        const pieces: Buffer[] = [];
        for await (const piece of request) pieces.push(piece as Buffer);
        const { method = "", url: target = "", headers } = request;
        const recorded = { method, url: target, headers, body: Buffer.concat(pieces).toString() };
        this.seen.push(recorded);
        this.answer(recorded, response);
      })();
    });
  }

  static async start({ name = "127.0.0.1", tls }: RecordingOptions = {}): Promise<RecordingServer> {
    const server = tls ? createTlsServer(tls) : createServer();
    server.listen(0, name);
    await once(server, "listening");
    const host = `${name}:${String((server.address() as AddressInfo).port)}`;
    return new RecordingServer(server, host, `${tls ? "https" : "http"}://${host}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

export const redirect =
  (to: string, status = 307) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { location: to }).end();
  };
