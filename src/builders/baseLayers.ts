/** How many layers a base image brings. */
import { DockerArchive } from "../transports/dockerArchive/read.js";

/**
 * @param fromImage a docker-archive; `null` for no base image
 * @throws {LaminixError} ERR_ARCHIVE, ERR_FILE_READ
 */
export async function baseLayers(fromImage: string | null, signal: AbortSignal | undefined): Promise<number> {
  if (fromImage === null) return 0;
  using base = await DockerArchive.open(fromImage, { signal });
  return base.images[0]?.layers.length ?? 0;
}
