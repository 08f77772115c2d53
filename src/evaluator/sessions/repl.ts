/**
 * `nix repl`, driven over pipes. It echoes what it reads, between prompts, so an answer is known by a key that stands
 * nowhere in what was typed; after each question a mark, put together by Nix itself, is asked for on both streams. A file
 * that ends too early is taken for a question that does (up to Nix 2.26 at least): the repl says nothing and waits for
 * more. So a bracket comes between question and mark, which is an error wherever it stands, and the end of both.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { onAbort } from "../../abort.js";
import { LaminixError } from "../../errors.js";
import { endGroup, signalGroup, startGroup } from "../../process/group.js";
import { LineSplitter } from "../../process/lines.js";
import { Transcript } from "../transcript.js";
import { importedFile } from "../log.js";
import { LIBRARY } from "./library.js";
import { residentMemory } from "./memory.js";
import { type Listener, type Question, type Session, UnfinishedFile, unheard } from "./session.js";

/** How a repl is started. */
export interface ReplCommand {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string | undefined;
  /** Bytes of an answer, as they are printed, at the most. */
  readonly maxAnswer: number;
  /** Ends it while it starts. */
  readonly signal: AbortSignal;
}

/** Nix's environment of names ends at 32,768; its builtins are in it too. */
const MAX_BINDINGS = 30_000;
/** Milliseconds between asking to end and ending. */
const GRACE = 200;
/** Milliseconds in which a Nix that works says what it is. */
const START_TIME = 60_000;

/** The error of the bracket after a question, and on which line of what the repl has read it stands. */
const BRACKET = /syntax error, unexpected '\)'.*«string»:([12]):1\b/;

/** What is being waited for. */
interface Pending {
  readonly mark: string;
  readonly failure: Listener["failure"];
  readonly transcript: Transcript;
  /** Whether Nix takes it for the beginning of a question. */
  isUnfinished: boolean;
  lastFile: string | undefined;
  stdoutDone: boolean;
  stderrDone: boolean;
  readonly resolve: (answer: string) => void;
  readonly reject: (error: unknown) => void;
}

export class ReplSession implements Session {
  version = "";
  isAlive = true;
  /** Whether it evaluates purely, where it was asked to. */
  isPure = false;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #maxAnswer: number;
  readonly #key = randomBytes(8).toString("hex");
  readonly #bound = new Set<string>();
  #questions = 0;
  #pending: Pending | undefined;
  #printed: Buffer[] = [];
  #size = 0;
  #room = MAX_BINDINGS;

  /** @throws {LaminixError} ERR_PROGRAM where it does not start, or is not a Nix that can be driven */
  static async start(command: ReplCommand): Promise<ReplSession> {
    command.signal.throwIfAborted();
    const session = new ReplSession(command);
    const late = setTimeout(() => void session.end(), START_TIME);
    late.unref();
    const stopListening = onAbort(command.signal, () => void session.end());
    try {
      await session.#introduce();
      return session;
    } catch (error) {
      await session.end();
      throw error;
    } finally {
      clearTimeout(late);
      stopListening();
    }
  }

  private constructor({ args, env, cwd, maxAnswer }: ReplCommand) {
    this.#maxAnswer = maxAnswer;
    this.#child = startGroup(() =>
      spawn("nix", ["repl", ...args], {
        detached: true,
        env,
        stdio: "pipe",
        ...(cwd !== undefined && { cwd }),
      }),
    );
    const { stdin, stdout, stderr } = this.#child;
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (cause) => {
        this.#over(cause);
        resolve();
      });
      this.#child.once("close", (exitCode, signal) => {
        stderrLines.end();
        this.#over({ exitCode, signal });
        resolve();
      });
    });
    stdin?.on("error", () => undefined);
    stdout?.on("data", (piece: Buffer) => {
      this.#hearAnswer(piece);
    });
    const stderrLines = new LineSplitter((line) => {
      this.#hearLine(line);
    });
    stderr?.on("data", (piece: Buffer) => {
      stderrLines.push(piece);
    });
    this.#keepWaiting(false);
  }

  get room(): number {
    return this.#room;
  }

  memory(): number | undefined {
    return this.#child.pid === undefined ? undefined : residentMemory(this.#child.pid);
  }

  async ask({ bindings, text }: Question, listener: Listener): Promise<string> {
    const missing = bindings.filter(({ name }) => !this.#bound.has(name));
    const lines = [...missing.map((binding) => `${binding.name} = ${binding.text}`), text];
    for (const { name } of missing) this.#bound.add(name);
    this.#room -= missing.length;
    return this.#send(lines, listener);
  }

  async end(): Promise<void> {
    const { pid } = this.#child;
    // Who waits for this must not find its process over before: neither while the child ends, nor while its pipes do.
    this.#keepWaiting(true);
    if (this.isAlive && pid !== undefined) {
      this.isAlive = false;
      this.#child.stdin?.end();
      // A build or a fetch that it has begun is given up in order.
      signalGroup(pid, "SIGINT");
      await Promise.race([this.#ended, sleep(GRACE, undefined, { ref: false })]);
    }
    endGroup(this.#child);
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    await this.#ended;
  }

  async #introduce(): Promise<void> {
    const lines = [
      `K = "${this.#key.slice(0, 8)}" + "${this.#key.slice(8)}"`,
      `L = ${LIBRARY} K`,
      "K + builtins.toJSON { version = builtins.nixVersion; isPure = !(builtins ? currentSystem); }",
    ];
    const answer = await this.#send(lines, unheard);
    const { version, isPure } = JSON.parse(answer) as { readonly version: string; readonly isPure: boolean };
    this.version = version;
    this.isPure = isPure;
  }

  #send(lines: readonly string[], { onLog, failure }: Listener): Promise<string> {
    const count = String(++this.#questions);
    const mark = `${this.#key}.${count}`;
    const typed = `(K + ".${count}")`;
    return new Promise((resolve, reject) => {
      if (!this.isAlive) {
        reject(gone());
        return;
      }
      this.#keepWaiting(true);
      this.#pending = {
        ...{ mark, failure, resolve, reject, stdoutDone: false, stderrDone: false },
        ...{ isUnfinished: false, lastFile: undefined },
        transcript: new Transcript((event) => {
          const file = importedFile(event);
          if (file !== undefined && this.#pending) this.#pending.lastFile = file;
          onLog?.(event);
        }),
      };
      this.#child.stdin?.write([...lines, ")", `builtins.trace ${typed} ${typed}`, ""].join("\n"));
    });
  }

  /** Whether this process waits for the child before it ends. */
  #keepWaiting(waits: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    // Pipes of a child are sockets, whatever their type says.
    for (const handle of [this.#child, stdin, stdout, stderr] as (Pick<
      ChildProcess,
      "ref" | "unref"
    > | null)[]) {
      if (waits) handle?.ref();
      else handle?.unref();
    }
  }

  #hearAnswer(piece: Buffer): void {
    const { mark } = this.#pending ?? {};
    if (mark === undefined || !this.#pending) return;
    this.#printed.push(piece);
    this.#size += piece.length;
    if (this.#size > this.#maxAnswer) {
      this.#settle((pending) => {
        pending.reject(tooLarge(this.#maxAnswer));
      });
      void this.end();
      return;
    }
    const end = tail(this.#printed, mark.length + 64);
    // It stands in quotes, for it is the value of what was asked last.
    if (!end.includes(`"${mark}"`)) return;
    this.#pending.stdoutDone = true;
    this.#finish();
  }

  #hearLine(line: string): void {
    const pending = this.#pending;
    if (!pending) return;
    if (line.includes(`trace: ${pending.mark}`)) {
      pending.stderrDone = true;
      this.#finish();
      return;
    }
    const bracket = BRACKET.exec(line);
    if (bracket) {
      pending.isUnfinished = bracket[1] === "2";
      return;
    }
    try {
      pending.transcript.add(line);
    } catch (error) {
      // Of a listener.
      this.#settle(() => {
        pending.reject(error);
      });
      void this.end();
    }
  }

  #finish(): void {
    if (!this.#pending?.stdoutDone || !this.#pending.stderrDone) return;
    const printed = Buffer.concat(this.#printed);
    this.#settle(({ transcript, isUnfinished, lastFile, failure, resolve, reject }) => {
      try {
        const answer = answerIn(printed, this.#key);
        if (answer !== undefined) resolve(answer);
        else reject(isUnfinished ? new UnfinishedFile(lastFile) : failure(transcript, gone()));
      } catch (error) {
        reject(error);
      }
    });
  }

  #over(why: unknown): void {
    this.isAlive = false;
    this.#settle(({ transcript, failure, reject }) => {
      const cause = gone(why);
      // Such as the end of the stack, which is told and is the end of an older Nix too.
      reject(transcript.error ? failure(transcript, cause) : cause);
    });
  }

  #settle(how: (pending: Pending) => void): void {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    this.#printed = [];
    this.#size = 0;
    // While it ends, who waits for that must not find this process over before.
    if (this.isAlive) this.#keepWaiting(false);
    how(pending);
  }
}

/** The last bytes of pieces. */
function tail(pieces: readonly Buffer[], length: number): string {
  const last: Buffer[] = [];
  let size = 0;
  for (let i = pieces.length - 1; i >= 0 && size < length; i--) {
    const piece = pieces[i] ?? Buffer.alloc(0);
    last.unshift(piece);
    size += piece.length;
  }
  return Buffer.concat(last).subarray(-length).toString("latin1");
}

/**
 * The string that begins with the key: the value of the question, as the repl prints it.
 * @returns what comes after the key
 * @throws {LaminixError} ERR_JSON where it is not UTF-8
 */
function answerIn(printed: Buffer, key: string): string | undefined {
  const start = printed.indexOf(`"${key}`);
  const from = start + 1 + key.length;
  // The mark begins with the key too, and a point.
  if (start < 0 || printed[from] === ".".charCodeAt(0)) return undefined;
  const end = printed.indexOf("\n", from);
  // In JSON there is no escape character: the first one begins the end of a colour, after the quotation mark.
  const [string = ""] = utf8(printed.subarray(from, end)).split("\u001b", 1);
  const line = string.slice(0, -1);
  // All escapes are those of JSON but the one of a dollar sign.
  const json = line.includes("\\$")
    ? line.replace(/\\([\\$])/g, (pair, it) => (it === "$" ? "$" : pair))
    : line;
  return JSON.parse(`"${json}"`) as string;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new LaminixError("ERR_JSON", "a string in the value is not UTF-8", { cause });
  }
}

function gone(why?: unknown): LaminixError {
  const { exitCode, signal } = (why ?? {}) as { readonly exitCode?: number; readonly signal?: string };
  const how = signal
    ? `was ended by ${signal}`
    : exitCode === undefined
      ? ""
      : `ended with ${String(exitCode)}`;
  const cause = why instanceof Error ? why : undefined;
  return new LaminixError("ERR_PROGRAM", `nix repl ${how || "cannot be asked"}`, {
    ...(cause && { cause }),
    details: { program: "nix" },
    ...(cause && { hint: "install Nix (https://nixos.org/download), or add its programs' folder to PATH" }),
  });
}

function tooLarge(limit: number): LaminixError {
  return new LaminixError("ERR_VALUE_TOO_LARGE", `the value has more than ${String(limit)} bytes as JSON`, {
    details: { limit },
    hint: "ask for a part of it, or raise the option size",
  });
}
