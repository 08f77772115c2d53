/** Writes images into the folder of an OCI layout, which is made where it is not there. */
import { abortScope } from "../../abort.js";
import type { Descriptor } from "../../image/descriptor.js";
import { once } from "../../bytes/bytes.js";
import { type Entry, ImageContents, type WrittenLayer } from "../../manifests/imageContents.js";
import { layersAtOnce } from "../layersAtOnce.js";
import { layoutEntries } from "./documents.js";
import type { LayoutFolder } from "./layoutFolder.js";
import type { LayoutWriteOptions } from "./options.js";

export interface WrittenLayout {
  /** What each entry is. */
  readonly targets: readonly Descriptor[];
  /** Bytes of the blobs, those that were there before among them. */
  readonly size: number;
}

/**
 * Adds to a layout that is there, and keeps what is in it; an image of the same name is replaced. Blobs that are there
 * are not written again. A new folder is there whole or not at all.
 * @throws {LaminixError} ERR_FILE_WRITE where it cannot be written, ERR_UNSUPPORTED where there is
 *   no zstd, ERR_DIGEST, and what reading the layers throws
 */
export async function writeOciFolder(
  layout: LayoutFolder,
  entries: readonly Entry[],
  options: LayoutWriteOptions,
): Promise<WrittenLayout> {
  options.signal?.throwIfAborted();
  using contents = new ImageContents(entries, options);
  using scope = abortScope(options.signal);
  const { signal } = scope;
  const { blobs } = contents;
  const begun = layersAtOnce(
    blobs,
    async (blob, plain, index): Promise<WrittenLayer> => {
      options.onLayer?.(blob.layer, plain, index, blobs.length);
      const known = await blob.known({ signal });
      if (blob.kind !== "foreign" && !(known && (await layout.has(known.digest, known.size)))) {
        await layout.add(blob.open({ signal }), async () => (await blob.descriptor({ signal })).digest);
      }
      const descriptor = await blob.descriptor({ signal });
      blob[Symbol.dispose]();
      return { diffId: plain.diffId, descriptor };
    },
    { signal, jobs: options.jobs },
  );
  const writing = begun.map((each) => each());
  let written: readonly WrittenLayer[];
  try {
    written = await Promise.all(writing);
  } catch (error) {
    scope.abort(error);
    await Promise.allSettled(writing);
    throw error;
  }
  const { all, targets } = contents.documents(written);
  for (const { descriptor, bytes } of all) {
    const { digest, size } = descriptor;
    if (!(await layout.has(digest, size))) await layout.add(once(bytes), () => Promise.resolve(digest));
  }
  await options.beforeIndex?.();
  signal.throwIfAborted();
  await layout.commit(layoutEntries(targets, entries));
  const descriptors = [...written, ...all].map(({ descriptor }) => descriptor);
  const sizes = new Map(descriptors.map(({ digest, size }) => [digest, size]));
  return { targets, size: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}
