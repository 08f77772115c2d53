/** Signals that tell the program to end: the first one is a request, the third one an order. */
import { writeSync } from "node:fs";
import { unfinished } from "../files/owner.js";

/** Exit codes, as shells tell of a program that such a signal has ended. */
const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** With this many, whichever they are, the program ends at once. */
const ORDER = 3;

export interface Interruption {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** The exit code that it asks for, once there was one. */
  readonly code: number | undefined;
  /** Hands over what this process is sent, until that is disposed of: it asks for no end then. */
  passTo(receiver: (signal: NodeJS.Signals) => void): Disposable;
}

/** What a program that is run is told too. */
const PASSED = ["SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGALRM", "SIGCONT"] as const;

/**
 * Listens from now on. What the first signal aborts cleans up; the second one, which may be a person's impatience or
 * a terminal's way of telling the same to everybody again, does not disturb that.
 */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  let receiver: ((signal: NodeJS.Signals) => void) | undefined;
  const interruption = {
    signal: controller.signal,
    code: undefined as number | undefined,
    passTo: (to: (signal: NodeJS.Signals) => void): Disposable => {
      receiver = to;
      for (const name of PASSED) process.on(name, to);
      return {
        [Symbol.dispose]: () => {
          receiver = undefined;
          for (const name of PASSED) process.off(name, to);
        },
      };
    },
  };
  let count = 0;
  for (const [name, code] of Object.entries(CODES)) {
    process.on(name, () => {
      if (receiver) {
        receiver(name as keyof typeof CODES);
        return;
      }
      interruption.code ??= code;
      count++;
      if (count === 1) controller.abort(new DOMException(`interrupted by ${name}`, "AbortError"));
      if (count === ORDER) endNow(interruption.code);
    });
  }
  return interruption;
}

/** Programs that still run are killed with this process. */
function endNow(code: number): never {
  const left = [...unfinished].map((path) => `  ${path}\n`).join("");
  try {
    if (left !== "") writeSync(2, `laminix: stopped during cleanup; these files are left:\n${left}`);
  } catch {
    // Nobody listens.
  }
  process.exit(code);
}
