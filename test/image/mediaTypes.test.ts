import { expect, test } from "vitest";
import { layerMediaType } from "../../dist/manifests/mediaTypes.js";

test("a layer's media type is the one that its manifest's format has for the encoding", () => {
  const oci = "application/vnd.oci.image.layer.v1.tar";
  const docker = "application/vnd.docker.image.rootfs.diff.tar";
  expect(layerMediaType("none")).toBe(oci);
  expect(layerMediaType("gz")).toBe(`${oci}+gzip`);
  expect(layerMediaType("zstd")).toBe(`${oci}+zstd`);
  expect(layerMediaType("none", "docker")).toBe(docker);
  expect(layerMediaType("gz", "docker")).toBe(`${docker}.gzip`);
  expect(() => layerMediaType("zstd", "docker")).toThrow(
    expect.objectContaining({ code: "ERR_UNSUPPORTED" }),
  );
});
