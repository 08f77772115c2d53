/** A body that is taken up where it broke off (RFC 9110, 14). */
import type { OwnedPiece } from "../bytes/bytes.js";
import type { LaminixError } from "../errors.js";
import type { Answer } from "./answer.js";
import type { RequestHeaders } from "./client.js";
import { mayPass, Patience, type PatienceOptions } from "./retry.js";

export interface ResumingOptions {
  /**
   * Asks once, with these headers, for the whole or for the rest of it.
   * @returns an answer with 200, or with 206 where the rest was asked for
   */
  readonly ask: (headers: RequestHeaders, offset: number) => Promise<Answer>;
  /** Bytes that there are, where that is known: fewer are a line that broke. */
  readonly size?: number | undefined;
  readonly patience: PatienceOptions;
  readonly signal?: AbortSignal | undefined;
  /** The caller's error. */
  readonly failure: (answer: Answer, why: string) => LaminixError;
}

/** Bytes by which a line that broke got far enough not to be given up. */
const PROGRESS = 1 << 16;
/** What hashes are of is the file as it is. */
const PLAIN = { "accept-encoding": "identity" } as const;

/** All bytes. A server that knows no ranges sends those again that have come already; they are left out. */
export async function* resuming(options: ResumingOptions): AsyncGenerator<OwnedPiece> {
  const { ask, size, failure } = options;
  const patience = new Patience(options.patience, options.signal);
  let taken = 0;
  let first: Answer | undefined;
  for (;;) {
    const begun = taken;
    try {
      const answer = await ask({ ...PLAIN, ...rangeFrom(taken, first) }, taken);
      first ??= answer;
      if (answer.status === 206 && !isRest(answer, taken, first)) {
        await answer.discard();
        throw failure(answer, "it answers with another part than was asked for");
      }
      let skip = answer.status === 206 ? 0 : taken;
      for await (const piece of answer.bytes()) {
        const skipped = Math.min(skip, piece.length);
        skip -= skipped;
        if (skipped === piece.length) continue;
        taken += piece.length - skipped;
        yield piece.subarray(skipped);
      }
      if (taken >= (size ?? 0)) return;
      throw mayPass(failure(answer, `it ends after ${String(taken)} of ${String(size)} bytes`));
    } catch (error) {
      if (taken - begun >= PROGRESS) patience.progressed();
      await patience.afterFailure(error);
    }
  }
}

/** The rest, if it is of what was begun with: a server that has something else there answers with all of that. */
function rangeFrom(offset: number, first: Answer | undefined): RequestHeaders {
  const tag = first?.header("etag");
  if (offset === 0) return {};
  return { range: `bytes=${String(offset)}-`, ...(isStrong(tag) && { "if-range": tag }) };
}

function isStrong(tag: string | undefined): tag is string {
  return tag?.startsWith('"') === true;
}

/** Whether these are the bytes from an offset on, of what the first answer was about. */
function isRest(answer: Answer, offset: number, first: Answer): boolean {
  const range = answer.header("content-range") ?? "";
  const [, start, total = "*"] = /^bytes (\d+)-\d*(?:\/(\d+|\*))?$/.exec(range) ?? [];
  const size = first.header("content-length") ?? total;
  const before = first.header("etag");
  // Mirrors give the same file weak tags of their own (RFC 9110, 8.8.3).
  const isSame = !isStrong(before) || (answer.header("etag") ?? before) === before;
  return start === String(offset) && (total === "*" || total === size) && isSame;
}
