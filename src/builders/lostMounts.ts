/** Images for nix-snapshotter that go where nobody learns what to mount. */
import type { NamedImage } from "../image/image.js";
import { needsSnapshotter } from "../image/snapshotter.js";
import type { Progress } from "../progress.js";

/** For images that are written as a docker-archive. */
export function warnOfLostMounts(images: readonly Pick<NamedImage, "image">[], { warn }: Progress): void {
  if (!images.some(({ image }) => needsSnapshotter(image))) return;
  warn(
    "a docker-archive has no annotations, which tell nix-snapshotter what to mount: containers of this image will lack their store paths; use --format oci-archive, or push the image",
  );
}
