/** How large closures are. They are read in the background where that takes longer than a user waits for it. */
import { setTimeout as sleep } from "node:timers/promises";
import { abortable } from "../abort.js";
import type { Closure, PathInfo } from "../store/closure.js";
import type { StorePath } from "../store/storePath.js";
import { Turns } from "../threads/turns.js";
import { keepLast } from "./keepLast.js";
import { within } from "./patience.js";

export interface ClosureTotals {
  readonly paths: number;
  /** Bytes of their NARs together. */
  readonly narSize: number;
}

interface Kept extends ClosureTotals {
  readonly info: PathInfo;
}

interface Reading {
  readonly totals: Promise<ClosureTotals>;
  readonly controller: AbortController;
  askers: number;
  /** It goes on although nobody waits for it. */
  inBackground: boolean;
}

/** Answers that are kept, of some hundred bytes each. */
const MOST_KEPT = 10_000;
/**
 * Milliseconds before a closure is asked for: an editor that asks about each path that a mouse passes takes most questions
 * back at once, and a daemon that has begun to answer goes on.
 */
const REST = 15;
/** Closures that are read at a time: one of 100,000 paths takes 25 MB. */
const AT_ONCE = 2;
/** Readings that go on in the background; with more, the oldest are given up. */
const MOST_IN_BACKGROUND = 16;
/** Milliseconds; see `ClosureMemory`, which does the same with whole closures. */
const SETTLED = 2000;

export class ClosureSizes {
  readonly #closure: (path: StorePath, signal: AbortSignal) => Promise<Closure>;
  readonly #onRead: () => void;
  readonly #kept = new Map<StorePath, Kept>();
  readonly #readings = new Map<StorePath, Reading>();
  readonly #turns = new Turns(AT_ONCE);

  /** @param onRead is told when an answer is there that somebody did not wait for */
  constructor(closure: (path: StorePath, signal: AbortSignal) => Promise<Closure>, onRead: () => void) {
    this.#closure = closure;
    this.#onRead = onRead;
  }

  /**
   * @param info what the store says of the path now: a closure is the same for as long as that is
   * @param patience milliseconds
   * @returns `undefined` if it takes longer; it is read on then, for whoever asks next
   */
  async of(info: PathInfo, patience: number, signal: AbortSignal): Promise<ClosureTotals | undefined> {
    const kept = this.#kept.get(info.path);
    if (kept && isSame(kept.info, info)) return kept;
    signal.throwIfAborted();
    const reading = this.#readings.get(info.path) ?? this.#begin(info);
    reading.askers++;
    try {
      const totals = await within(abortable(reading.totals, signal), patience);
      signal.throwIfAborted();
      if (totals === undefined) this.#leave(reading);
      return totals;
    } finally {
      reading.askers--;
      if (reading.askers === 0 && !reading.inBackground) reading.controller.abort();
    }
  }

  /** Gives up all that is being read. */
  close(): void {
    for (const { controller } of this.#readings.values()) controller.abort();
  }

  #begin(info: PathInfo): Reading {
    const controller = new AbortController();
    const totals = this.#start(info, controller.signal);
    const reading: Reading = { totals, controller, askers: 0, inBackground: false };
    this.#readings.set(info.path, reading);
    const forget = (): void => {
      if (this.#readings.get(info.path) === reading) this.#readings.delete(info.path);
    };
    controller.signal.addEventListener("abort", forget);
    totals.then(
      () => {
        forget();
        if (reading.inBackground) this.#onRead();
      },
      forget, // told to those who wait
    );
    return reading;
  }

  async #start(info: PathInfo, signal: AbortSignal): Promise<ClosureTotals> {
    await sleep(REST, undefined, { signal });
    return this.#turns.take(() => this.#read(info, signal));
  }

  #leave(reading: Reading): void {
    reading.inBackground = true;
    const left = [...this.#readings.values()].filter((each) => each.inBackground && each.askers === 0);
    for (const { controller } of left.slice(0, -MOST_IN_BACKGROUND)) controller.abort();
  }

  async #read(info: PathInfo, signal: AbortSignal): Promise<ClosureTotals> {
    signal.throwIfAborted();
    const askedAt = Date.now();
    const { size, narSize } = await this.#closure(info.path, signal);
    const totals = { paths: size, narSize };
    if (info.registrationTime * 1000 + SETTLED < askedAt) this.#keep({ ...totals, info });
    return totals;
  }

  #keep(kept: Kept): void {
    keepLast(this.#kept, kept.info.path, kept, MOST_KEPT);
  }
}

function isSame(one: PathInfo, other: PathInfo): boolean {
  return one.registrationTime === other.registrationTime && one.narHash === other.narHash;
}
