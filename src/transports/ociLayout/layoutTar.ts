/** A tar whose bytes are ours to define: members of root's, written by tar-stream. */
import { once } from "node:events";
import type { Pack } from "tar-stream";
import { abortScope } from "../../abort.js";
import { type BorrowedBytes, copied } from "../../bytes/bytes.js";

export type Member =
  | { readonly name: string; readonly type: "directory" }
  | {
      readonly name: string;
      readonly type: "file";
      /** Bytes. */
      readonly size: number;
      readonly open: () => BorrowedBytes;
    };

/**
 * The archive in pieces. A member that fails, or is not of its size, ends it without an end-of-archive mark.
 * @param mtime Unix seconds, of every member
 */
export async function* layoutTar(
  members: (signal: AbortSignal) => AsyncIterable<Member>,
  mtime: number,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array> {
  const { pack } = await import("tar-stream");
  const archive = pack();
  // A reader that stops early also stops the member that is being made.
  const scope = abortScope(options.signal);
  const { signal } = scope;
  const filled = fill(archive, members(signal), { mtime: new Date(mtime * 1000), signal }).catch(
    (error: unknown) => {
      archive.destroy((options.signal?.aborted ? options.signal.reason : error) as Error);
    },
  );
  try {
    for await (const piece of archive as AsyncIterable<Uint8Array>) yield piece;
  } finally {
    scope[Symbol.dispose]();
    archive.destroy();
    await filled;
  }
}

async function fill(
  archive: Pack,
  members: AsyncIterable<Member>,
  { mtime, signal }: { readonly mtime: Date; readonly signal: AbortSignal },
): Promise<void> {
  for await (const member of members) {
    signal.throwIfAborted();
    const { name, type } = member;
    if (type === "directory") {
      archive.entry({ name: `${name}/`, type, mode: 0o755, mtime });
      continue;
    }
    const entry = archive.entry({ name, type, mode: 0o644, mtime, size: member.size });
    const closed = once(entry as unknown as NodeJS.EventEmitter, "close", { signal });
    closed.catch(() => undefined);
    // The archive keeps pieces until they are read.
    for await (const piece of copied(member.open())) {
      if (!entry.write(piece)) await once(entry as unknown as NodeJS.EventEmitter, "drain", { signal });
    }
    entry.end(undefined);
    await closed;
  }
  archive.finalize();
}
