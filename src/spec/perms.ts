/** `perms` in a spec: modes and owners, by path and pattern. */
import { z } from "zod";
import type { PermsRule } from "../tree/perms.js";
import { invalidSpec } from "./invalid.js";

const id = z.int().min(0).max(0xffff_fffe);

export const permsSchema = z.array(
  z.strictObject({
    path: z
      .string()
      .startsWith("/", "a path in an image begins with /")
      .optional()
      .describe("In the image: what is at it and below it. Everything unless given."),
    regex: z
      .string()
      .optional()
      .describe("What of that: paths in the image in which this regular expression is found."),
    mode: z
      .string()
      .regex(/^[0-7]{1,4}$/, "a mode is one to four octal digits, such as 0644")
      .optional()
      .describe("Permissions in octal."),
    uid: id.optional().describe("Owner."),
    gid: id.optional().describe("Group."),
    uname: z.string().optional().describe("Owner's name."),
    gname: z.string().optional().describe("Group's name."),
  }),
);

/** @throws {LaminixError} ERR_SPEC for a pattern that is none */
export function permsRules(perms: z.output<typeof permsSchema>): PermsRule[] {
  return perms.map(({ regex, mode, ...rest }, i) => ({
    ...rest,
    regex: regex === undefined ? undefined : pattern(regex, `perms.${String(i)}.regex`),
    mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
  }));
}

function pattern(source: string, key: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch (cause) {
    throw invalidSpec(key, `${key}: ${(cause as Error).message}`, { cause });
  }
}
