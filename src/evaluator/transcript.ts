/** What a Nix program has said, as far as an error will want to tell it. */
import { type LogEvent, logReader } from "./log.js";
import type { NixError } from "./nixError.js";

/** A derivation that could not be built. */
export interface FailedBuild {
  readonly derivation?: string;
  readonly message: string;
  /** The last lines of its build log. */
  readonly log: readonly string[];
}

/** Lines kept of the whole, and of each build. */
const MAX_LINES = 1000;
const MAX_BUILD_LINES = 100;

interface Build {
  readonly derivation: string;
  readonly log: string[];
}

export class Transcript {
  readonly errors: NixError[] = [];
  /** Messages and the lines of builders, the last thousand. */
  readonly lines: string[] = [];
  readonly #builds = new Map<bigint, Build>();
  readonly #read = logReader();
  readonly #onLog: ((event: LogEvent) => void) | undefined;

  constructor(onLog: ((event: LogEvent) => void) | undefined) {
    this.#onLog = onLog;
  }

  add(line: string): void {
    const { event, error } = this.#read(line);
    if (error) this.errors.push(error);
    if (!event) return;
    if (event.type === "start" && event.activity.kind === "build") {
      const { id, derivation = "" } = event.activity;
      this.#builds.set(id, { derivation, log: [] });
    } else if (event.type === "trace" || (event.type === "message" && event.level !== "debug")) {
      keep(this.lines, event.text, MAX_LINES);
    } else if (event.type === "build-log") {
      keep(this.lines, event.line, MAX_LINES);
      const build = this.#builds.get(event.activity.id);
      if (build) keep(build.log, event.line, MAX_BUILD_LINES);
    }
    this.#onLog?.(event);
  }

  /** The error that ended the program: the last one, for the ones before were survived, or are what it sums up. */
  get error(): NixError | undefined {
    return this.errors.at(-1);
  }

  /** The derivations whose own builders failed, in the order in which they did; not those that depend on them. */
  failedBuilds(): readonly FailedBuild[] {
    const started = new Map([...this.#builds.values()].map((build) => [build.derivation, build]));
    const failed = new Map<string, FailedBuild>();
    for (const error of this.errors) {
      for (const [, derivation = ""] of error.message.matchAll(/'(\/[^']+\.drv)'/g)) {
        const build = started.get(derivation);
        if (!build || failed.has(derivation)) continue;
        failed.set(derivation, { derivation, message: withoutLog(error.message), log: build.log });
      }
    }
    return [...failed.values()];
  }
}

/** A daemon's message has the builder's last lines in it. */
function withoutLog(message: string): string {
  return message.replace(/;?\n\s*[Ll]ast \d+ log lines?:[^]*/, "");
}

function keep(lines: string[], line: string, most: number): void {
  lines.push(line);
  if (lines.length > most) lines.shift();
}
