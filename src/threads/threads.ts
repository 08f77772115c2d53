/** Threads that work for this one: started when there is work, ended some time after the last of it. */
import { Worker } from "node:worker_threads";
import { type Message, received, type Reply } from "./messages.js";

/** Milliseconds that a thread without work is kept. */
const IDLE = 500;

export interface ThreadOptions<Data> {
  /** The path of its script, which calls `serve`; asked for when one starts. */
  readonly script: () => string;
  /** Made for each thread: its `workerData`. */
  readonly data: () => Data;
  /** What the error says when it fails. */
  readonly failure: string;
}

interface Job {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  readonly onReport: ((report: never) => void) | undefined;
}

/** It keeps the process alive only while it works. */
export class Thread<Task, Result, Notice = never, Data = undefined> {
  readonly data: Data;
  readonly #failure: string;
  readonly #worker: Worker;
  readonly #onEnd: () => void;
  readonly #jobs = new Map<number, Job>();
  #idle: NodeJS.Timeout | undefined;

  /** @param onEnd called before it ends, so that it is given nothing any more; perhaps more than once */
  constructor({ script, data, failure }: ThreadOptions<Data>, onEnd: () => void) {
    this.data = data();
    this.#failure = failure;
    this.#onEnd = onEnd;
    // Without the flags of this process: some, such as --input-type, stop a thread that runs a file.
    this.#worker = new Worker(script(), { execArgv: [], workerData: this.data });
    this.#worker.on("message", (reply: Reply) => {
      this.#finish(reply);
    });
    this.#worker.on("error", (cause) => {
      this.#fail(cause);
    });
    this.#worker.on("exit", () => {
      this.#fail(undefined);
    });
  }

  /** Tasks that it has not done yet. */
  get load(): number {
    return this.#jobs.size;
  }

  /**
   * Tasks are done one after another.
   * @param id none of this thread's other tasks has it
   * @param onReport called with what the task tells while it is done
   * @throws {LaminixError} what the task fails with, and ERR_INTERNAL for all that is not coded
   */
  do(id: number, task: Task, onReport?: (report: never) => void): Promise<Result> {
    clearTimeout(this.#idle);
    this.#worker.ref();
    return new Promise<Result>((resolve, reject) => {
      this.#jobs.set(id, { resolve, reject, onReport });
      this.#send({ id, task });
    });
  }

  /** Heard between two pieces of a task. */
  tell(notice: Notice): void {
    this.#send({ notice });
  }

  /** Does not keep the process alive, and ends unless it is given something to do. */
  rest(): void {
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      this.#onEnd();
      void this.#worker.terminate();
    }, IDLE).unref();
  }

  #send(message: Message<Task, Notice>): void {
    this.#worker.postMessage(message);
  }

  #finish(reply: Reply): void {
    const job = this.#jobs.get(reply.id);
    if ("report" in reply) {
      job?.onReport?.(reply.report as never);
      return;
    }
    this.#jobs.delete(reply.id);
    if ("result" in reply) job?.resolve(reply.result);
    else job?.reject(received(reply.error, this.#failure));
    if (this.load === 0) this.rest();
  }

  #fail(cause: unknown): void {
    this.#onEnd();
    const error = received({ other: cause }, this.#failure);
    for (const job of this.#jobs.values()) job.reject(error);
    this.#jobs.clear();
  }
}

/** Threads of one kind. */
export class Threads<Task, Result, Notice = never, Data = undefined> {
  readonly #options: ThreadOptions<Data>;
  #all: readonly Thread<Task, Result, Notice, Data>[] = [];

  constructor(options: ThreadOptions<Data>) {
    this.#options = options;
  }

  get all(): readonly Thread<Task, Result, Notice, Data>[] {
    return this.#all;
  }

  /** The one of the first so many that has the least to do: a new one where there are fewer, and none of them is idle. */
  leastBusy(most: number): Thread<Task, Result, Notice, Data> {
    const [least] = this.#all.slice(0, most).toSorted((one, other) => one.load - other.load);
    return least && (least.load === 0 || this.#all.length >= most) ? least : this.add();
  }

  add(): Thread<Task, Result, Notice, Data> {
    const thread = new Thread<Task, Result, Notice, Data>(this.#options, () => {
      this.#all = this.#all.filter((other) => other !== thread);
    });
    this.#all = [...this.#all, thread];
    return thread;
  }
}
