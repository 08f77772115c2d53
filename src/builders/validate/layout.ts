/** OCI layouts, in folders and archives (OCI image-spec 1.1, image-layout.md, annotations.md). */
import type { Digest } from "../../bytes/digest.js";
import { type Json, isObject } from "../../bytes/json.js";
import type { Region } from "../../files/storedFile.js";
import { listIn, objectIn, textIn } from "../../image/fields.js";
import { ImageJson } from "../../manifests/imageJson.js";
import { platformOf } from "../../manifests/platform.js";
import { platformName } from "../../image/platform.js";
import { blobName, type LayoutFiles } from "../../transports/ociLayout/blobs.js";
import { IMAGE_NAME, REF_NAME } from "../../transports/ociLayout/documents.js";
import type { CheckedDescriptor } from "./descriptor.js";
import { jsonIn, regionOf } from "./files.js";
import type { Findings } from "./findings.js";
import { type BlobPlace, ManifestCheck, type ManifestCheckOptions } from "./manifests.js";
import { isReference } from "../../manifests/reference.js";

export async function checkLayout(files: LayoutFiles, options: ManifestCheckOptions): Promise<ManifestCheck> {
  const { findings } = options;
  const json = new ImageJson(files.path, "an OCI layout");
  const check = new ManifestCheck(new LayoutPlace(files, json), options);
  const layout = regionOf(files, "oci-layout");
  if (!layout) findings.report("LAYOUT_MISSING", "oci-layout", "there is no such file");
  else if (textIn(jsonIn(layout, "oci-layout", json, findings), "imageLayoutVersion") !== "1.0.0")
    findings.report("LAYOUT_VERSION", "oci-layout", "its imageLayoutVersion is not 1.0.0");
  const index = regionOf(files, "index.json");
  if (!index) findings.report("INDEX_MISSING", "index.json", "there is no such file");
  else {
    const document = jsonIn(index, "index.json", json, findings);
    checkNames(document, findings);
    await check.index(document, "index.json");
  }
  return check;
}

class LayoutPlace implements BlobPlace {
  readonly json: ImageJson;
  readonly #files: LayoutFiles;

  constructor(files: LayoutFiles, json: ImageJson) {
    this.#files = files;
    this.json = json;
  }

  pathOf(digest: Digest): string {
    return blobName(digest);
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async manifest({ digest }: CheckedDescriptor): Promise<Buffer | undefined> {
    const region = regionOf(this.#files, blobName(digest));
    return region && this.json.bytes(region, digest);
  }

  config(descriptor: CheckedDescriptor): Promise<Buffer | undefined> {
    return this.manifest(descriptor);
  }

  async withBlob<T>(
    { digest }: CheckedDescriptor,
    use: (region: Region) => Promise<T>,
  ): Promise<T | undefined> {
    const region = regionOf(this.#files, blobName(digest));
    return region && use(region);
  }
}

/** What entries of `index.json` are called: the same name may stand for images of several platforms. */
function checkNames(index: Json | undefined, findings: Findings): void {
  const seen = new Set<string>();
  for (const entry of listIn(index, "manifests")) {
    const annotations = objectIn(entry, "annotations");
    const tag = textIn(annotations, REF_NAME);
    const name = textIn(annotations, IMAGE_NAME);
    if (tag !== undefined && !REF_NAMES.test(tag))
      findings.report("REFERENCE_INVALID", "index.json", `${JSON.stringify(tag)} cannot be a ${REF_NAME}`);
    if (name !== undefined && !isReference(name))
      findings.report(
        "REFERENCE_INVALID",
        "index.json",
        `${JSON.stringify(name)} is not the name of an image`,
      );
    const called = name ?? tag;
    if (called === undefined) continue;
    const platform = isObject(entry) ? objectIn(entry, "platform") : undefined;
    const key = `${called} ${platform && platform.size > 0 ? platformName(platformOf(platform)) : ""}`;
    if (seen.has(key))
      findings.report("REFERENCE_DUPLICATE", "index.json", `two images are called ${called}`);
    seen.add(key);
  }
}

/** annotations.md, "org.opencontainers.image.ref.name". */
const REF_NAMES =
  /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;
