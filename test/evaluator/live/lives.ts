/** The processes of evaluators, found by a variable in their environment. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { LaminixError } from "laminix";
import { nixes, searchPath, type NixRelease } from "../../support/nixes.js";
import { type Process, processes } from "../../support/processes.js";
import { describeWith } from "../../support/requirements.js";

let count = 0;

/** An environment that no other evaluator has. */
export function markedEnvironment(release: NixRelease): { env: Record<string, string>; mark: string } {
  const mark = `${process.pid}.${++count}`;
  return { env: { PATH: searchPath(release), LAMINIX_TEST_MARK: mark }, mark };
}

export function processesOf(mark: string): Process[] {
  return processes().filter(({ environment }) => environment.includes(`LAMINIX_TEST_MARK=${mark}\0`));
}

/** Waits until something holds; the test's own limit ends what never does. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}

export async function failure(promise: Promise<unknown>): Promise<LaminixError> {
  const error: unknown = await promise.then(
    (value) => expect.unreachable(`there is an answer: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LaminixError);
  return error as LaminixError;
}

/** The same tests for every Nix; `nix-instantiate` of each is what `nix repl` falls back to. */
export function describeEachNix(what: string, body: (release: NixRelease) => void): void {
  for (const { release, name } of nixes) {
    const needs = release === "installed" ? ["nix"] : [release === "trixie" ? "nixTrixie" : "nixSid"];
    describeWith([...needs, "linux"], `${what} with ${name}`, () => {
      body(release);
    });
  }
}

/** Nix source that is evaluated for hours, on a stack that does not grow. */
export const forever = `
  let
    thousand = builtins.genList (i: i) 1000;
    more = depth: f: if depth == 0 then f 0 else builtins.foldl' (x: i: builtins.seq (more (depth - 1) f) x) 0 thousand;
  in more 6 (x: x)`;
