# Builds the image of streamLayeredImage as a file.
{
  build,
  laminix,
  names,
  endingFor,
  withPassthru,
  zstd,
  streamLayeredImage,
}:
{
  name,
  compressor ? "gz",
  meta ? { },
  ...
}@args:
let
  ending = endingFor name compressor;
  stream = streamLayeredImage (
    removeAttrs args [
      "compressor"
      "meta"
    ]
  );
in
withPassthru (build {
  name = "${baseNameOf name}.tar${ending}";
  attributes = {
    preferLocalBuild = true;
    imageName = names.toLower name;
    inherit (stream) conf;
  };
  inputs = zstd;
  script = ''
    ${laminix} stream-conf "$conf" "''${jobs[@]}" --output "$out" --compress ${compressor}
  '';
}) (removeAttrs stream.passthru [ "isExe" ] // { inherit stream; }) meta
