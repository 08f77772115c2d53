/** Names of the encodings that are read; apart from the decoders, for most who name one have nothing to decode. */

/** By the names that binary caches give them. */
export const COMPRESSIONS = ["none", "gzip", "br", "bzip2", "xz", "zstd"] as const;
export type Compression = (typeof COMPRESSIONS)[number];
