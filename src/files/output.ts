/**
 * The one door through which files are written for the user. A regular file is replaced when all of it is there; a pipe, a
 * device or a descriptor is written through; all else is refused, before anything is made.
 */
import { cannotWrite } from "./cannotWrite.js";
import { type Output, type OutputOptions, type OutputTarget, outputTarget } from "./outputTarget.js";
import { replacedFile } from "./replacedFile.js";
import { throughDescriptor, throughDevice, throughPipe } from "./writtenThrough.js";

/**
 * Checks a place for output before the work begins. A symbolic link is followed; of a named pipe the reader is waited for.
 *
 * A file that is replaced keeps its mode, and its owner and group as far as this user may set them; other names of it (hard
 * links) keep the old content. It is not synced to the disk: what a loss of power damages can be made again, and is found
 * out by its digests.
 * @throws {LaminixError} ERR_FILE_WRITE for a folder, a block device, a socket, a file that may not be written to, a
 *   terminal that an archive would be written to, and a folder in which no file can be made
 */
export async function openOutput(path: string, options: OutputOptions): Promise<Output> {
  options.signal?.throwIfAborted();
  return openTarget(path, await outputTarget(path), options);
}

/**
 * The same where it is known what the path leads to.
 * @throws {LaminixError} as `openOutput`
 */
export async function openTarget(
  path: string,
  target: OutputTarget,
  options: OutputOptions,
): Promise<Output> {
  switch (target.kind) {
    case "file":
      return replacedFile(path, target.path);
    case "pipe":
      return throughPipe(path, target.path, options);
    case "device":
      return throughDevice(path, target.path, options);
    case "descriptor":
      return throughDescriptor(path, target.descriptor, options);
    case "folder":
      throw cannotWrite(path, { code: "EISDIR" });
  }
}
