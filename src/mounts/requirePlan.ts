/** Checks plans that users have made or changed themselves. */
import { isAbsolute } from "node:path";
import { requireOptions, requireString } from "../arguments.js";
import { ArgumentError } from "../errors.js";
import type { MountPlan } from "./mountPlan.js";

/** @throws {ArgumentError} ERR_ARGUMENT where a path is not absolute, or something is missing */
export function requirePlan(plan: MountPlan): void {
  requireOptions(plan, "plan");
  requireAbsolute(plan.storeDir, "plan.storeDir");
  requireEach(plan.mounts, "plan.mounts", requireMount);
  requireEach(plan.links, "plan.links", (link, at) => {
    const { path, text, mount } = link as Record<string, unknown>;
    requireAbsolute(path, `${at}.path`);
    requireText(text, `${at}.text`);
    if (mount !== undefined) requireMount(mount, `${at}.mount`);
  });
}

export function requireAbsolute(value: unknown, argument: string): void {
  requireString(value, argument);
  if (!isAbsolute(value) || value.includes("\0"))
    throw new ArgumentError(argument, "an absolute path", value);
}

function requireEach(value: unknown, argument: string, check: (value: object, at: string) => void): void {
  if (!Array.isArray(value)) throw new ArgumentError(argument, "an array", value);
  for (const [i, each] of (value as unknown[]).entries()) {
    const at = `${argument}[${String(i)}]`;
    requireOptions(each, at);
    check(each, at);
  }
}

function requireMount(value: unknown, at: string): void {
  requireOptions(value, at);
  const { source, target } = value as Record<string, unknown>;
  requireAbsolute(source, `${at}.source`);
  requireAbsolute(target, `${at}.target`);
}

/** What a link can say. */
function requireText(value: unknown, argument: string): void {
  requireString(value, argument);
  if (value === "" || value.includes("\0")) throw new ArgumentError(argument, "a path", value);
}
