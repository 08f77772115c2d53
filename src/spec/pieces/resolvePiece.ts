/** Pieces in JSON: in full, or by name with what the piece is made from. */
import { z } from "zod";
import { requireString } from "../../arguments.js";
import { ArgumentError, LaminixError, named, nearestWord } from "../../errors.js";
import { checked, invalidSpec, keyIn } from "../invalid.js";
import { binSh } from "./binSh.js";
import { caCertificates } from "./caCertificates.js";
import { fakeNss } from "./fakeNss.js";
import { checkPiece, type Piece, pieceSchema } from "./piece.js";
import { usrBinEnv } from "./usrBinEnv.js";

const text = z.string().min(1);

const fakeNssSchema = z
  .strictObject({
    piece: z.literal("fakeNss").describe("Which piece."),
    extraPasswdLines: z.array(z.string()).optional().describe("Lines of /etc/passwd."),
    extraGroupLines: z.array(z.string()).optional().describe("Lines of /etc/group."),
  })
  .describe("The users root and nobody, and how names are looked up.");
const binShSchema = z
  .strictObject({ piece: z.literal("binSh").describe("Which piece."), shell: text.describe("The program.") })
  .describe("/bin/sh");
const usrBinEnvSchema = z
  .strictObject({
    piece: z.literal("usrBinEnv").describe("Which piece."),
    coreutils: text.describe("A package with bin/env, or the path of an env."),
  })
  .describe("/usr/bin/env");
const caCertificatesSchema = z
  .strictObject({
    piece: z.literal("caCertificates").describe("Which piece."),
    cacert: text.describe("A package with etc/ssl/certs/ca-bundle.crt, or the path of a bundle."),
  })
  .describe("A bundle of certificates where programs look for one.");

/** A piece as an entry of a spec's `contents`. */
export const pieceEntrySchema = z.union([
  pieceSchema,
  z.discriminatedUnion("piece", [fakeNssSchema, binShSchema, usrBinEnvSchema, caCertificatesSchema]),
]);

/** A piece as callers write it. */
export type PieceEntry = z.input<typeof pieceEntrySchema>;

interface PieceKind {
  readonly keys: readonly string[];
  /** @param key where the entry stands in the spec, for messages */
  make(entry: unknown, key: string): Piece;
}

const kinds: Readonly<Record<string, PieceKind>> = {
  fakeNss: kind(fakeNssSchema, ({ extraPasswdLines, extraGroupLines }) =>
    fakeNss({ extraPasswdLines, extraGroupLines }),
  ),
  binSh: kind(binShSchema, ({ shell }) => binSh(shell)),
  usrBinEnv: kind(usrBinEnvSchema, ({ coreutils }) => usrBinEnv(coreutils)),
  caCertificates: kind(caCertificatesSchema, ({ cacert }) => caCertificates(cacert)),
};

function kind<S extends z.ZodObject>(schema: S, make: (given: z.output<S>) => Piece): PieceKind {
  return {
    keys: Object.keys(schema.shape),
    make: (entry, key) =>
      make(checked(schema, entry, (inner, message) => invalid(keyIn(key, inner), message))),
  };
}

/**
 * The piece that an entry of `contents` stands for.
 * @param key where it stands in the spec, for messages
 * @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY
 */
export function resolvePiece(entry: unknown, key = "contents"): Piece {
  requireString(key, "key");
  if (typeof entry !== "object" || entry === null || Array.isArray(entry))
    throw invalid(key, "a piece is an object");
  if (!Object.hasOwn(entry, "piece")) {
    refuseUnknown(entry, ["files", "piece"], key);
    checkPiece(entry, key);
    return entry;
  }
  const { piece: name } = entry as { readonly piece: unknown };
  const names = Object.keys(kinds);
  const found = typeof name === "string" && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!found) {
    const nearest = nearestWord(String(name), names) ?? "";
    throw invalid(
      `${key}.piece`,
      `there is no piece ${JSON.stringify(name)}`,
      `the nearest known piece is ${JSON.stringify(nearest)}; there are ${names.join(", ")}`,
    );
  }
  refuseUnknown(entry, found.keys, key);
  try {
    return found.make(entry, key);
  } catch (error) {
    throw error instanceof ArgumentError ? invalid(key, error.message) : error;
  }
}

function refuseUnknown(entry: object, known: readonly string[], key: string): void {
  const unknown = Object.keys(entry).find((one) => !known.includes(one));
  if (unknown === undefined) return;
  const nearest = nearestWord(unknown, known) ?? "";
  throw new LaminixError(
    "ERR_SPEC_UNKNOWN_KEY",
    `the image spec has an unknown key ${JSON.stringify(unknown)} in ${named(key)}`,
    { details: { key: unknown, nearest }, hint: `the nearest known key is ${JSON.stringify(nearest)}` },
  );
}

function invalid(key: string, message: string, hint = "docs/pieces.md describes every piece"): LaminixError {
  return invalidSpec(key, `${key}: ${message}`, { hint });
}
