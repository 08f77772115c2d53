/**
 * A store's connections: one that all questions share, pipelined, and others, each for one long piece of work at a
 * time (a NAR, a build, an addition), behind which no question should have to wait.
 */
import { abortable, abortScope, onAbort } from "../abort.js";
import { type CallOptions, Connection, isDisconnected } from "./connection.js";
import { InFlight } from "./inFlight.js";
import type { NativeCall, NativeConnection, NativeOperations } from "./native.js";
import type { DaemonTarget } from "./target.js";

/** Daemons start a process for each connection; more than this find its disk or its lock used up by the others. */
const MAX_WORKING = 4;
/** Milliseconds that a connection without work is kept. */
const IDLE = 10_000;
/**
 * Milliseconds after which a connection is not used again: what was added or read on one is held by the daemon, as
 * temporary roots, until it ends.
 */
const MAX_AGE = 60_000;

interface Waiting {
  readonly resolve: () => void;
}

export class Connections {
  readonly #targets: readonly DaemonTarget[];
  readonly #most: number;
  /** Aborted when closed, so that nobody waits for a daemon that does not greet. */
  readonly #end = new AbortController();
  readonly #inFlight = new InFlight();
  #shared: Promise<Connection> | undefined;
  /** Without work, the last used last. */
  readonly #idle: { readonly connection: Connection; readonly timer: NodeJS.Timeout }[] = [];
  readonly #working = new Set<Connection>();
  /** How many are working or being opened. */
  #taken = 0;
  readonly #waiting: Waiting[] = [];

  /** @param most connections that work at a time */
  constructor(targets: readonly DaemonTarget[], most = MAX_WORKING) {
    this.#targets = targets;
    this.#most = most;
  }

  /** Throws the reason once closed. */
  throwIfClosed(): void {
    this.#end.signal.throwIfAborted();
  }

  /** What the daemon said of itself. */
  async handshake(options: CallOptions): Promise<Connection["handshake"]> {
    return (await this.#connected(options)).handshake;
  }

  /**
   * Asks one of the operations that only ask. The same question asked again before its answer is there is asked once;
   * one that a lost connection left unanswered is asked again, once.
   */
  ask<Name extends keyof NativeOperations>(
    operation: Name,
    request: NativeOperations[Name][0],
    options: CallOptions = {},
  ): Promise<NativeOperations[Name][1]> {
    return this.query([operation, request], (native) => native.ask(operation, request), options);
  }

  /** The same for a question of several operations. @param what is asked; the same for the same question only */
  query<T>(
    what: readonly unknown[],
    question: (native: NativeConnection, connection: Connection) => NativeCall<T>,
    { signal }: CallOptions = {},
  ): Promise<T> {
    const start = (shared: AbortSignal): Promise<T> => this.#query(question, { signal: shared });
    return this.#inFlight.share(JSON.stringify(what), start, signal);
  }

  /** Asks on the shared connection what may be asked again. */
  async #query<T>(
    question: (native: NativeConnection, connection: Connection) => NativeCall<T>,
    options: CallOptions,
  ): Promise<T> {
    const connection = await this.#connected(options);
    try {
      return await connection.call((native) => question(native, connection), options);
    } catch (error) {
      if (this.#end.signal.aborted || !isDisconnected(error)) throw error;
      connection.close();
      const next = await this.#connected(options);
      return next.call((native) => question(native, next), options);
    }
  }

  /** The shared connection will not be used again: a daemon that refused an argument hangs up. */
  async retire(): Promise<void> {
    (await this.#shared?.catch(() => undefined))?.close();
  }

  /**
   * A connection of one's own for as long as `use` runs. It is given to the next user only if `use` succeeds: after an
   * error nobody knows what the daemon is still going to say.
   */
  async exclusive<T>(use: (connection: Connection) => Promise<T>, options: CallOptions): Promise<T> {
    const connection = await this.#take(options);
    let done = false;
    try {
      const result = await use(connection);
      done = true;
      return result;
    } finally {
      this.#giveBack(connection, done);
    }
  }

  /** The same for what is read as it comes. The connection is closed if the reader stops early. */
  async *streaming<T>(
    use: (connection: Connection) => AsyncGenerator<T>,
    options: CallOptions,
  ): AsyncGenerator<T> {
    const connection = await this.#take(options);
    let done = false;
    try {
      yield* use(connection);
      done = true;
    } finally {
      this.#giveBack(connection, done);
    }
  }

  /** Ends those without work, and with them the daemon's hold of what was added and read on them. */
  dropIdle(): void {
    for (const { connection, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      connection.close();
    }
  }

  /** Ends all of them; whatever is unanswered is rejected with the reason. Idempotent. */
  async close(reason: Error): Promise<void> {
    this.#end.abort(reason);
    this.dropIdle();
    for (const connection of this.#working) connection.close();
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    const shared = this.#shared;
    this.#shared = undefined;
    (await shared?.catch(() => undefined))?.close();
  }

  async #take(options: CallOptions): Promise<Connection> {
    this.throwIfClosed();
    options.signal?.throwIfAborted();
    while (this.#taken >= this.#most) await this.#turn(options);
    this.#taken++;
    try {
      const idle = this.#takeIdle();
      const connection = idle ?? (await this.#open(options.signal));
      this.throwIfClosed();
      this.#working.add(connection);
      return connection;
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  #takeIdle(): Connection | undefined {
    for (let next = this.#idle.pop(); next; next = this.#idle.pop()) {
      clearTimeout(next.timer);
      if (next.connection.isOpen) return next.connection;
    }
    return undefined;
  }

  #giveBack(connection: Connection, reusable: boolean): void {
    this.#working.delete(connection);
    this.#inFlight.renew();
    if (!reusable || !connection.isOpen || connection.age > MAX_AGE || this.#end.signal.aborted) {
      connection.close();
    } else {
      const timer = setTimeout(() => {
        this.#idle.splice(
          this.#idle.findIndex((idle) => idle.connection === connection),
          1,
        );
        connection.close();
      }, IDLE).unref();
      this.#idle.push({ connection, timer });
    }
    this.#release();
  }

  #release(): void {
    this.#taken--;
    this.#waiting.shift()?.resolve();
  }

  /** Waits until a connection is given back. */
  async #turn({ signal }: CallOptions): Promise<void> {
    let forget: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiting = { resolve };
        this.#waiting.push(waiting);
        forget = onAbort(signal, () => {
          const at = this.#waiting.indexOf(waiting);
          if (at >= 0) this.#waiting.splice(at, 1);
          else this.#waiting.shift()?.resolve(); // its turn had come: the next one's
          reject(signal?.reason as Error);
        });
      });
    } finally {
      forget?.();
    }
    this.throwIfClosed();
  }

  async #connected(options: CallOptions): Promise<Connection> {
    this.throwIfClosed();
    options.signal?.throwIfAborted();
    const before = this.#shared;
    const current = before && (await abortable(before, options.signal));
    if (current?.isOpen) return current;
    this.throwIfClosed();
    // Of all who find it closed, the first one makes another.
    if (this.#shared === before) this.#shared = undefined;
    return abortable((this.#shared ??= this.#openShared()), options.signal);
  }

  /** Shared by all who ask meanwhile, so one caller's signal must not end it for the others. */
  #openShared(): Promise<Connection> {
    const opening = this.#open();
    opening.catch(() => {
      if (this.#shared === opening) this.#shared = undefined;
    });
    return opening;
  }

  async #open(signal?: AbortSignal): Promise<Connection> {
    using scope = abortScope(this.#end.signal, signal);
    return await Connection.open(this.#targets, { signal: scope.signal });
  }
}
