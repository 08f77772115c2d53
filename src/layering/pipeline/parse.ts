/** A pipeline as it is given, checked: operations, and the number and types of their arguments. */
import { LaminixError, named, nearestWord } from "../../errors.js";
import { redactUrl } from "../../redact.js";
import { type Operation, type Pipeline, type Step, USAGE } from "./step.js";

/** Deeper than this is not a pipeline but an attack on the stack. */
const MAX_DEPTH = 64;

/**
 * @param value plain JSON
 * @param at where it stands, for messages
 * @throws {LaminixError} ERR_SPEC
 */
export function parsePipeline(value: unknown, at: string): Pipeline {
  return steps(value, at, 0);
}

function steps(value: unknown, at: string, depth: number): Pipeline {
  if (!Array.isArray(value)) throw wrong(at, `must be a list of steps, not ${shown(value)}`);
  return value.map((item, i) => step(item, `${at}[${String(i)}]`, depth));
}

function step(value: unknown, at: string, depth: number): Step {
  if (depth > MAX_DEPTH) throw wrong(at, `is nested deeper than ${String(MAX_DEPTH)} levels`);
  const [op, ...args] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (typeof op !== "string") {
    const hint = typeof value === "string" && isOperation(value) ? `write ${USAGE[value]}` : undefined;
    throw wrong(at, `must be a list that begins with an operation's name, not ${shown(value)}`, hint);
  }
  if (!isOperation(op)) {
    const nearest = nearestWord(op, Object.keys(USAGE));
    throw wrong(at, `has an unknown operation ${JSON.stringify(op)}`, nearestHint(nearest));
  }
  const call: Call = { op, args, at, depth };
  switch (op) {
    case "popularity_contest":
    case "flatten":
    case "reverse":
      takes(0, call);
      return { at, op };
    case "limit_layers":
    case "split_every":
      takes(1, call);
      return { at, op, count: count(call) };
    case "subcomponent_in":
    case "subcomponent_out":
      takes(1, call);
      return { at, op, paths: new Set(paths(args[0], call)) };
    case "remove_paths":
      takes(1, call);
      return { at, op, paths: new Set(oneOrMore(args[0], call)) };
    case "split_paths":
      takes(1, call);
      return { at, op, ...split(call) };
    case "map":
      takes(1, call);
      return { at, op, step: step(args[0], `${at}[1]`, depth + 1) };
    case "over": {
      takes(2, call);
      const [part] = args;
      if (typeof part !== "string") throw bad(call, `needs the name of a part, not ${shown(part)}`);
      return { at, op, part, step: step(args[1], `${at}[2]`, depth + 1) };
    }
    case "pipe":
      takes(1, call);
      return { at, op, steps: steps(args[0], `${at}[1]`, depth + 1) };
  }
}

interface Call {
  readonly op: Operation;
  readonly args: readonly unknown[];
  readonly at: string;
  readonly depth: number;
}

function isOperation(name: string): name is Operation {
  return Object.hasOwn(USAGE, name);
}

function takes(expected: number, call: Call): void {
  const given = call.args.length;
  if (given === expected) return;
  const plural = expected === 1 ? "argument" : "arguments";
  throw bad(call, `takes ${expected === 0 ? "no" : String(expected)} ${plural}, not ${String(given)}`);
}

function count(call: Call): number {
  const [value] = call.args;
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw bad(call, `needs a whole number from 1 up, not ${shown(value)}`);
}

function paths(value: unknown, call: Call): string[] {
  if (!Array.isArray(value)) throw bad(call, `needs a list of store paths, not ${shown(value)}`);
  return value.map((item: unknown) => {
    if (typeof item === "string") return item;
    throw bad(call, `needs store paths, not ${shown(item)}`);
  });
}

function oneOrMore(value: unknown, call: Call): string[] {
  return typeof value === "string" ? [value] : paths(value, call);
}

function split(call: Call): { readonly paths: Set<string>; readonly parents: Set<string> } {
  const [given] = call.args;
  if (!Array.isArray(given)) throw bad(call, `needs a list of store paths, not ${shown(given)}`);
  const found = { paths: new Set<string>(), parents: new Set<string>() };
  for (const item of given as readonly unknown[]) {
    if (typeof item === "string") found.paths.add(item);
    else for (const parent of oneOrMore(childrenOf(item, call), call)) found.parents.add(parent);
  }
  return found;
}

function childrenOf(item: unknown, call: Call): unknown {
  if (typeof item === "object" && item !== null && Object.keys(item).join() === "children_of")
    return (item as { readonly children_of: unknown }).children_of;
  throw bad(call, `needs store paths, or {"children_of": PATH}, not ${shown(item)}`);
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) {
    const keys = Object.keys(value);
    return keys.length === 0
      ? "an empty object"
      : `an object with the keys ${keys.slice(0, 5).map(named).join(", ")}`;
  }
  if (typeof value === "string") {
    const text = redactUrl(value);
    return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  }
  return String(value);
}

function nearestHint(nearest: string | undefined): string | undefined {
  return nearest === undefined ? undefined : `the nearest known one is ${JSON.stringify(nearest)}`;
}

function bad({ op, at }: Call, message: string): LaminixError {
  return wrong(`${at} (${op})`, message, `write ${USAGE[op]}`, at);
}

function wrong(subject: string, message: string, hint?: string, step = subject): LaminixError {
  return new LaminixError("ERR_SPEC", `${subject} ${message}`, {
    details: { key: "layeringPipeline", step },
    ...(hint !== undefined && { hint }),
  });
}
