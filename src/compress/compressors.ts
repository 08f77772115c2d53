/** The encoders, by the names that dockerTools gives them. Here apart, for most who name one have nothing to encode. */
export const COMPRESSORS = ["none", "gz", "zstd"] as const;
export type Compressor = (typeof COMPRESSORS)[number];
