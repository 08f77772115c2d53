# The file name extension for a compressor.
image: compressor:
let
  endings = {
    none = "";
    gz = ".gz";
    zstd = ".zst";
  };
  known = builtins.concatStringsSep ", " (builtins.attrNames endings);
in
endings.${compressor}
  or (throw "laminix: in image ${image}, compressor is ${builtins.toJSON compressor}; it must be one of: ${known}")
