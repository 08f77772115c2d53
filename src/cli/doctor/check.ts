/** What `laminix doctor` looks at, and what it finds. */
import { LaminixError } from "../../errors.js";
import type { Environment } from "../../files/home.js";

/** `limited`: a part of it works. `unknown`: it was not tried, or did not answer in time. */
export type Status = "ok" | "limited" | "missing" | "unknown";

export interface Found {
  readonly status: Status;
  /** What is there, or what is wrong. */
  readonly found: string;
  /** What a person can do about it. */
  readonly todo?: string | undefined;
}

export interface Situation {
  /** The store's URL. */
  readonly store: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
}

/** It starts nothing that stays, writes nothing that stays, and asks nobody over the network. */
export interface Check {
  readonly feature: string;
  /** What does not work without it. */
  readonly neededFor: string;
  /** Finds the feature as the rest of the program does. What it throws is told as missing. */
  readonly look: (situation: Situation) => Found | Promise<Found>;
}

export function ok(found: string): Found {
  return { status: "ok", found };
}

/** An error of the lookup is what is wrong, and its hint what to do. */
export function failed(error: unknown, status: Status = "missing"): Found {
  if (error instanceof LaminixError) return { status, found: error.message, todo: error.hint };
  return { status, found: error instanceof Error ? error.message : String(error) };
}
