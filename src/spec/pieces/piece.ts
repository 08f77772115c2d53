/** Pieces of an image: files that are written down, in place of lying in the store. */
import { z } from "zod";
import type { LaminixError } from "../../errors.js";
import { checked, invalidSpec, keyIn } from "../invalid.js";

/** Files of an image. Folders on the way to them need not be named. Plain JSON. */
export interface Piece {
  /** By absolute path in the image. */
  readonly files: Readonly<Record<string, PieceFile>>;
}

/** Modes are octal. */
export type PieceFile =
  /** Default: `0644`. */
  | { readonly text: string; readonly mode?: string | undefined }
  | { readonly link: string }
  /** Default: `0755`. */
  | { readonly folder: true; readonly mode?: string | undefined };

/** Linux' PATH_MAX, with its NUL. */
const LONGEST_LINK = 4095;

const ABSOLUTE = /^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/;

/** Half a character, which UTF-8 has no bytes for. */
const HALF = /\p{Surrogate}/u;

const path = z
  .string()
  .regex(ABSOLUTE, "a path in an image begins with / and has no empty, . or .. part")
  .refine((text) => !HALF.test(text), "a path is Unicode text");
const mode = z
  .string()
  .regex(/^[0-7]{1,4}$/, "a mode is one to four octal digits, such as 0644")
  .optional()
  .describe("Permissions in octal.");

const kinds = {
  text: z.strictObject({
    text: z
      .string("a text is a string")
      .refine((text) => !HALF.test(text), "a text is Unicode")
      .describe("What is in the file, written as UTF-8."),
    mode,
  }),
  link: z.strictObject({
    link: z
      .string("a link's target is a string")
      .min(1, "a link's target is not empty")
      .refine(
        (link) => !link.includes("\0") && !HALF.test(link) && Buffer.byteLength(link) <= LONGEST_LINK,
        `a link's target is Unicode text without NUL, of ${LONGEST_LINK} bytes at the most`,
      )
      .describe("Where the link leads."),
  }),
  folder: z.strictObject({
    folder: z.literal(true, "a folder is true").describe("That it is a folder: true."),
    mode,
  }),
};

/** A piece as it is given in full. */
export const pieceSchema = z.strictObject({
  files: z
    .record(path, z.union([kinds.text, kinds.link, kinds.folder]))
    .describe("By absolute path in the image."),
});

/**
 * @param key where the piece stands in a spec, for the message
 * @throws {LaminixError} ERR_SPEC
 */
export function checkPiece(piece: unknown, key: string): asserts piece is Piece {
  const { files } = piece as { readonly files: unknown };
  if (!isRecord(files)) throw invalid(`${key}.files`, "files is an object whose keys are paths");
  for (const [name, file] of Object.entries(files)) {
    const at = `${key}.files.${name}`;
    const invalidAt = (inner: string, message: string): LaminixError => invalid(keyIn(at, inner), message);
    checked(path, name, invalidAt);
    const kind = Object.entries(kinds).find(([word]) => isRecord(file) && Object.hasOwn(file, word))?.[1];
    if (!kind) throw invalid(at, "a file has one of text, link and folder");
    checked<z.ZodType>(kind, file, invalidAt);
    const parent = parentsOf(name).find(
      (one) => Object.hasOwn(files, one) && !("folder" in (files[one] as object)),
    );
    if (parent !== undefined) throw invalid(at, `it cannot be in ${parent}, which is no folder`);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The folders that a file is in, the root not among them. */
function parentsOf(file: string): string[] {
  const parts = file.split("/").slice(1, -1);
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join("/")}`);
}

function invalid(key: string, message: string): LaminixError {
  return invalidSpec(key, `${key}: ${message}`, {
    hint: 'a piece is {"files":{"/etc/motd":{"text":"…"},"/bin/x":{"link":"…"},"/data":{"folder":true}}}',
  });
}
