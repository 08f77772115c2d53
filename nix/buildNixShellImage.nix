# Builds the image of streamNixShellImage as a file.
{
  build,
  endingFor,
  withPassthru,
  streamNixShellImage,
  zstd,
}:
{
  drv,
  compressor ? "gz",
  ...
}@args:
let
  ending = endingFor drv.name compressor;
  stream = streamNixShellImage (removeAttrs args [ "compressor" ]);
in
withPassthru (build {
  name = "${drv.name}-env.tar${ending}";
  attributes = {
    preferLocalBuild = true;
    inherit stream;
  };
  inputs = zstd;
  script = ''"$stream" "''${jobs[@]}" --output "$out" --compress ${compressor}'';
}) (removeAttrs stream.passthru [ "isExe" ] // { inherit stream; }) { }
