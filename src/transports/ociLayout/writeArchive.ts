/**
 * Writes a tar of an OCI layout: the blobs, then `index.json`, without which nobody takes it for a layout. The same
 * images give the same bytes, as far as the encoder does.
 */
import { abortScope } from "../../abort.js";
import type { Descriptor } from "../../image/descriptor.js";
import { once } from "../../bytes/bytes.js";
import { formatJson } from "../../bytes/json.js";
import type { Digest } from "../../bytes/digest.js";
import { type Entry, ImageContents, type WrittenLayer } from "../../manifests/imageContents.js";
import { isSmall, layersAtOnce } from "../layersAtOnce.js";
import { blobName } from "./blobs.js";
import { LAYOUT_FILE, layoutEntries, layoutIndex } from "./documents.js";
import { layoutTar, type Member } from "./layoutTar.js";
import type { LayoutWriteOptions } from "./options.js";

export interface ArchiveWriteOptions extends LayoutWriteOptions {
  /** Unix seconds, of the archive's members. */
  readonly mtime: number;
  /** Layers, by diffID, that whoever reads the archive has: its manifests name them, and their blobs are not there. */
  readonly leaveOut?: ReadonlySet<Digest> | undefined;
  /** Called before the end with what each entry is. */
  readonly onTargets?: (targets: readonly Descriptor[]) => void;
}

/**
 * The archive. A member's size comes before its bytes, so that compressed layers wait in temporary files, unless their
 * sizes are known.
 * @throws {LaminixError} ERR_ADDON_MISSING, ERR_FILE_WRITE for temporary files, ERR_DIGEST, and what
 *   reading the layers throws
 */
export function writeOciArchive(
  entries: readonly Entry[],
  options: ArchiveWriteOptions,
): AsyncGenerator<Uint8Array> {
  return layoutTar((signal) => members(entries, { ...options, signal }), options.mtime, options);
}

async function* members(entries: readonly Entry[], options: ArchiveWriteOptions): AsyncGenerator<Member> {
  const { jobs, onLayer, leaveOut = new Set<Digest>() } = options;
  using contents = new ImageContents(entries, options);
  using scope = abortScope(options.signal);
  const { signal } = scope;
  const { blobs } = contents;
  const ready = layersAtOnce(
    blobs,
    async (blob, plain, index): Promise<WrittenLayer> => {
      if (!leaveOut.has(plain.diffId)) onLayer?.(blob.layer, plain, index, blobs.length);
      const known = isSmall(plain) ? undefined : await blob.known({ signal });
      if (!known) await blob.make({ signal });
      return { diffId: plain.diffId, descriptor: known ?? (await blob.descriptor({ signal })) };
    },
    { signal, jobs },
  );
  try {
    yield file("oci-layout", LAYOUT_FILE);
    yield { name: "blobs", type: "directory" };
    yield { name: "blobs/sha256", type: "directory" };
    const names = new Set<Digest>();
    const written: WrittenLayer[] = [];
    for (const [i, blob] of blobs.entries()) {
      const layer = (await ready[i]?.()) as WrittenLayer;
      const { digest, size } = layer.descriptor;
      if (blob.kind !== "foreign" && !names.has(digest) && !leaveOut.has(layer.diffId))
        yield { name: blobName(digest), type: "file", size, open: () => blob.open({ signal }) };
      blob[Symbol.dispose]();
      names.add(digest);
      written.push(layer);
    }
    const { all, targets } = contents.documents(written);
    for (const { descriptor, bytes } of all) yield file(blobName(descriptor.digest), bytes);
    await options.beforeIndex?.();
    signal.throwIfAborted();
    options.onTargets?.(targets);
    yield file("index.json", Buffer.from(formatJson(layoutIndex(layoutEntries(targets, entries)))));
  } finally {
    scope[Symbol.dispose]();
    await Promise.allSettled(ready.map((each) => each()));
  }
}

function file(name: string, bytes: Uint8Array): Member {
  return { name, type: "file", size: bytes.length, open: () => once(bytes) };
}
