/**
 * A daemon that follows a script: what it says, and what it leaves out, is up to the test. Speaks the Nix daemon
 * protocol on a Unix socket of its own.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CLIENT_MAGIC = 0x6e697863;
const DAEMON_MAGIC = 0x6478696f;
const STDERR_LAST = 0x616c7473;
const STDERR_ERROR = 0x63787470;
const STDERR_NEXT = 0x6f6c6d67;

export const Operation = {
  isValidPath: 1,
  buildPaths: 9,
  addTempRoot: 11,
  setOptions: 19,
  queryAllValidPaths: 23,
  queryPathInfo: 26,
  queryPathFromHashPart: 29,
  queryDerivationOutputMap: 41,
  queryPathInfos: 50,
} as const;

/** Bytes of the protocol: 64-bit little endian numbers, strings padded to eight bytes. */
export const wire = {
  number(value: number | bigint): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  },
  string(value: string | Buffer): Buffer {
    const bytes = Buffer.from(value);
    return Buffer.concat([wire.number(bytes.length), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
  },
  strings(values: readonly string[]): Buffer {
    return Buffer.concat([wire.number(values.length), ...values.map((value) => wire.string(value))]);
  },
  /** What comes before an answer. */
  last: (): Buffer => wire.number(STDERR_LAST),
  logLine: (line: string): Buffer => Buffer.concat([wire.number(STDERR_NEXT), wire.string(line)]),
  error: (message: string, level = 0): Buffer =>
    Buffer.concat([
      wire.number(STDERR_ERROR),
      wire.string("Error"),
      wire.number(level),
      wire.string("Error"),
      wire.string(message),
      wire.number(0),
      wire.number(0),
    ]),
  answer: (...parts: readonly Buffer[]): Buffer => Buffer.concat([wire.last(), ...parts]),
};

export interface FakePath {
  /** Full paths. */
  readonly references?: readonly string[];
  readonly deriver?: string;
  readonly narHash?: string;
  readonly narSize?: number | bigint;
  readonly registrationTime?: number | bigint;
  readonly ultimate?: boolean;
  readonly signatures?: readonly string[];
  readonly ca?: string;
}

/** What a well-behaved daemon knows, by full path. */
export type FakeStore = ReadonlyMap<string, FakePath>;

/** The answer to QueryPathInfo. */
export function pathInfoAnswer(path: FakePath | undefined): Buffer {
  return path ? wire.answer(wire.number(1), pathInfoFields(path)) : wire.answer(wire.number(0));
}

function pathInfoFields(path: FakePath): Buffer {
  return Buffer.concat([
    wire.string(path.deriver ?? ""),
    wire.string(path.narHash ?? "0".repeat(64)),
    wire.strings(path.references ?? []),
    wire.number(path.registrationTime ?? 1),
    wire.number(path.narSize ?? 0),
    wire.number(path.ultimate ? 1 : 0),
    wire.strings(path.signatures ?? []),
    wire.string(path.ca ?? ""),
  ]);
}

export interface Greeting {
  /** The minor version announced: 38 for protocol 1.38. */
  readonly minor?: number;
  readonly version?: string;
  /** 0 not known, 1 trusted, 2 not trusted. */
  readonly trust?: number;
  readonly features?: readonly string[];
}

/** What a request asks about: a path or a hash part; empty for those without. */
export interface Request {
  readonly operation: number;
  readonly argument: string;
  /** Of a request about many. */
  readonly paths?: readonly string[];
}

/** One client, seen from the daemon. Reads throw ClientGone when it has gone. */
export class Peer {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #buffered = Buffer.alloc(0);
  /** Set by greet(). */
  minor = 0;
  /** Whether the client sent SetOptions, set by greet(). */
  options: readonly number[] | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async bytes(count: number): Promise<Buffer> {
    while (this.#buffered.length < count) {
      const { done, value } = await this.#chunks.next();
      if (done) throw new ClientGone();
      this.#buffered = Buffer.concat([this.#buffered, value]);
    }
    const bytes = this.#buffered.subarray(0, count);
    this.#buffered = this.#buffered.subarray(count);
    return bytes;
  }

  async number(): Promise<number> {
    return Number((await this.bytes(8)).readBigUInt64LE());
  }

  async string(): Promise<string> {
    const length = await this.number();
    const padded = await this.bytes(length + ((8 - (length % 8)) % 8));
    return padded.toString("utf8", 0, length);
  }

  async strings(): Promise<string[]> {
    const strings: string[] = [];
    for (let count = await this.number(); count > 0; count--) strings.push(await this.string());
    return strings;
  }

  send(...parts: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  /** Sends one byte after the other, each in a write of its own. */
  async dribble(bytes: Buffer): Promise<void> {
    for (const byte of bytes) {
      await new Promise<void>((resolve) => this.#socket.write(Buffer.of(byte), () => setImmediate(resolve)));
    }
  }

  /** Ends the connection when all is sent. */
  end(): void {
    this.#socket.end();
  }

  /** Does the handshake, and answers SetOptions if the features leave it in. */
  async greet({ minor = 38, version = "2.99.0", trust = 1, features = [] }: Greeting = {}): Promise<void> {
    if ((await this.number()) !== CLIENT_MAGIC) throw new Error("the client's magic number is wrong");
    const theirs = (await this.number()) & 0xff;
    this.minor = Math.min(minor, theirs);
    this.send(wire.number(DAEMON_MAGIC), wire.number(0x100 | minor));
    let common: readonly string[] = [];
    if (this.minor >= 38) {
      const offered = await this.strings();
      common = features.filter((feature) => offered.includes(feature));
      this.send(wire.strings(features));
    }
    await this.number(); // CPU affinity
    await this.number(); // reserved space
    if (this.minor >= 33) this.send(wire.string(version));
    if (this.minor >= 35) this.send(wire.number(trust));
    this.send(wire.last());
    if (common.includes("disable-set-options")) return;
    const { operation } = await this.request();
    if (operation !== Operation.setOptions) throw new Error("the first operation is not SetOptions");
    this.send(wire.answer());
  }

  /** Reads one request. */
  async request(): Promise<Request> {
    const operation = await this.number();
    switch (operation) {
      case Operation.setOptions: {
        const options: number[] = [];
        while (options.length < 12) options.push(await this.number());
        for (let overrides = await this.number(); overrides > 0; overrides--) {
          await this.string();
          await this.string();
        }
        this.options = options;
        return { operation, argument: "" };
      }
      case Operation.queryAllValidPaths:
        return { operation, argument: "" };
      case Operation.queryPathInfos:
        return { operation, argument: "", paths: await this.strings() };
      case Operation.buildPaths: {
        const paths = await this.strings();
        return { operation, argument: String(await this.number()), paths };
      }
      case Operation.isValidPath:
      case Operation.addTempRoot:
      case Operation.queryPathInfo:
      case Operation.queryPathFromHashPart:
      case Operation.queryDerivationOutputMap:
        return { operation, argument: await this.string() };
      default:
        throw new Error(`operation ${operation} is not known`);
    }
  }

  /** Answers requests from a store until the client goes. `onRequest` sees each one first. */
  async serve(store: FakeStore, onRequest?: (request: Request) => void): Promise<void> {
    for (;;) {
      const request = await this.request();
      onRequest?.(request);
      this.send(answerFrom(store, request));
    }
  }
}

/** What a well-behaved daemon answers. */
export function answerFrom(store: FakeStore, { operation, argument, paths = [] }: Request): Buffer {
  switch (operation) {
    case Operation.setOptions:
      return wire.answer();
    case Operation.isValidPath:
      return wire.answer(wire.number(store.has(argument) ? 1 : 0));
    case Operation.addTempRoot:
    case Operation.buildPaths:
      return wire.answer(wire.number(1));
    case Operation.queryDerivationOutputMap:
      return wire.answer(wire.number(1), wire.string("out"), wire.string(argument.replace(/\.drv$/, "")));
    case Operation.queryPathInfos: {
      // Last one first: the order is the daemon's own.
      const known = paths.filter((path) => store.has(path)).reverse();
      const infos = known.flatMap((path) => [wire.string(path), pathInfoFields(store.get(path) as FakePath)]);
      return wire.answer(wire.number(known.length), ...infos);
    }
    case Operation.queryAllValidPaths:
      return wire.answer(wire.strings([...store.keys()]));
    case Operation.queryPathInfo:
      return pathInfoAnswer(store.get(argument));
    case Operation.queryPathFromHashPart: {
      if (argument.length !== 32) return wire.error("error: invalid hash part");
      const found = [...store.keys()].find((path) => path.includes(`/${argument}-`));
      return wire.answer(wire.string(found ?? ""));
    }
    default:
      throw new Error(`operation ${operation} has no answer`);
  }
}

/** The client closed the connection. */
export class ClientGone extends Error {}

/** What the daemon does with one client. The connection ends when it returns. */
export type Behaviour = (peer: Peer) => Promise<void>;

export class FakeDaemon implements AsyncDisposable {
  /** Where it listens. */
  readonly socket: string;
  /** What went wrong in behaviours. A client that goes is nothing wrong. */
  readonly errors: unknown[] = [];
  /** How many clients have come. */
  connections = 0;
  readonly #server: Server;
  readonly #folder: string;
  readonly #sockets = new Set<Socket>();
  readonly #running = new Set<Promise<void>>();

  private constructor(folder: string, behaviour: Behaviour) {
    this.#folder = folder;
    this.socket = join(folder, "socket");
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
      const run = this.#run(behaviour, socket).finally(() => this.#running.delete(run));
      this.#running.add(run);
    });
  }

  static async listen(behaviour: Behaviour): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(await mkdtemp(join(tmpdir(), "laminix-daemon-")), behaviour);
    await new Promise<void>((resolve, reject) => {
      daemon.#server.once("error", reject);
      daemon.#server.listen(daemon.socket, resolve);
    });
    return daemon;
  }

  /** One that does everything right. */
  static serving(store: FakeStore, greeting: Greeting = {}): Promise<FakeDaemon> {
    return FakeDaemon.listen(async (peer) => {
      await peer.greet(greeting);
      await peer.serve(store);
    });
  }

  async #run(behaviour: Behaviour, socket: Socket): Promise<void> {
    try {
      await behaviour(new Peer(socket));
    } catch (error) {
      if (!(error instanceof ClientGone) && !isReset(error)) this.errors.push(error);
    }
    socket.end();
  }

  /** Resolves when every client has gone. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.idle();
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function isReset(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return (
    code === "ECONNRESET" ||
    code === "EPIPE" ||
    code === "ERR_STREAM_PREMATURE_CLOSE" ||
    code === "ERR_STREAM_DESTROYED"
  );
}
