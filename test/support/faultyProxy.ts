import { once } from "node:events";
import {
  type ClientRequest,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Answers in place of the server, or spoils its answer; `false` where it leaves the request alone. */
export type Misbehaviour = (
  request: IncomingMessage,
  response: ServerResponse,
  proxy: FaultyProxy,
) => boolean | Promise<boolean>;

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** A server that passes requests on to another one, unless it is told to do otherwise. */
export class FaultyProxy implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  misbehave: Misbehaviour = () => false;
  /** Bytes of the bodies that it has passed on. */
  received = 0;
  readonly #server;
  readonly #target: string;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((request, response) => {
      const { method = "", url = "", headers } = request;
      this.seen.push({ method, url, headers });
      request.on("error", () => undefined);
      response.on("error", () => undefined);
      void Promise.resolve(this.misbehave(request, response, this)).then((handled) => {
        if (!handled) this.pass(request, response);
      });
    });
  }

  /** @param target `host:port` that speaks plain HTTP, or the path of a socket that does */
  static async start(target: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** `127.0.0.1:PORT` */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /**
   * @param body changes the answer's pieces on their way; unless given they stay as they are
   * @param sent the same for the request's
   */
  pass(
    request: IncomingMessage,
    response: ServerResponse,
    body: (pieces: AsyncIterable<Buffer>, response: ServerResponse) => AsyncIterable<Buffer> = (pieces) =>
      pieces,
    sent?: (pieces: AsyncIterable<Buffer>) => AsyncIterable<Buffer>,
  ): void {
    const onward = this.#onward(request);
    // Both listen at once, so that nothing is missed where others listen too.
    const counted = request.pipe(
      new Transform({
        transform: (piece: Buffer, _, done) => {
          this.received += piece.length;
          done(null, piece);
        },
      }),
    );
    request.on("close", () => {
      if (!request.complete) counted.destroy();
    });
    // A line that breaks on one side is broken on the other.
    void pipeline(sent ? Readable.from(sent(counted)) : counted, onward).catch(() => undefined);
    onward.on("error", () => response.destroy());
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      void (async () => {
        for await (const piece of body(answer, response)) response.write(piece);
        response.end();
      })().catch(() => response.destroy());
    });
  }

  /** Passes the beginning of a request's body on, and then no more. */
  async passPart(request: IncomingMessage, bytes: number): Promise<void> {
    const onward = this.#onward(request);
    onward.on("error", () => undefined);
    let left = bytes;
    for await (const piece of request as AsyncIterable<Buffer>) {
      await new Promise((resolve) => onward.write(piece.subarray(0, left), resolve));
      left -= piece.length;
      if (left <= 0) break;
    }
    onward.destroy();
  }

  #onward({ method, url, headers }: IncomingMessage): ClientRequest {
    const [host = "", port = ""] = this.#target.split(":");
    const to = this.#target.startsWith("/") ? { socketPath: this.#target } : { host, port };
    return httpRequest({ ...to, method, path: url, headers });
  }

  /** Misbehaves the first so many times that a request matches, `METHOD URL`. */
  first(times: number, what: RegExp, how: Misbehaviour): void {
    let left = times;
    this.misbehave = (request, response, proxy) => {
      if (left === 0 || !what.test(`${request.method ?? ""} ${request.url ?? ""}`)) return false;
      left--;
      return how(request, response, proxy);
    };
  }

  count(what: RegExp): number {
    return this.seen.filter(({ method, url }) => what.test(`${method} ${url}`)).length;
  }

  /** All lines are dead at once; new ones are taken. */
  cut(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** Reads what is sent and passes nothing on; then the line is dead. */
export async function swallow(request: IncomingMessage, response: ServerResponse): Promise<true> {
  for await (const _ of request);
  response.destroy();
  return true;
}

/** The line is dead at once. */
export function drop(_request: IncomingMessage, response: ServerResponse): true {
  response.destroy();
  return true;
}

/** An answer, without a body unless given. */
export function answering(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body = "",
): Misbehaviour {
  return async (request, response) => {
    for await (const _ of request);
    response.writeHead(status, headers).end(body);
    return true;
  };
}

/** The answer's body ends, with its connection, after so many bytes. */
export function cutAfter(bytes: number): Misbehaviour {
  return (request, response, proxy) => {
    proxy.pass(request, response, async function* (pieces) {
      let left = bytes;
      for await (const piece of pieces) {
        yield piece.subarray(0, left);
        left -= piece.length;
        if (left > 0) continue;
        // What has been written is to arrive.
        await new Promise((resolve) => response.write("", resolve));
        throw new Error("cut");
      }
    });
    return true;
  };
}
