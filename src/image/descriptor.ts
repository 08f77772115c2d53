/** What names content that lies somewhere. Format: OCI image-spec 1.1, descriptor.md. */
import type { Digest } from "../bytes/digest.js";
import type { Platform } from "./platform.js";

/** By key. Format: OCI image-spec 1.1, annotations.md. */
export type Annotations = ReadonlyMap<string, string>;

export interface Descriptor {
  /** Empty where it is not told. */
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Annotations | undefined;
  /** What an image runs on; absent where it is told incompletely, for the configuration has it. */
  readonly platform?: Platform | undefined;
  /** Of a manifest that is no image. */
  readonly artifactType?: string | undefined;
  /** Where else the content lies. */
  readonly urls?: readonly string[] | undefined;
}
