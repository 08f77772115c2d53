# The image of streamNixShellImage in a file.
{
  build,
  endingFor,
  withPassthru,
  streamNixShellImage,
  tools,
  require,
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
  inputs = if compressor == "zstd" then [ (require tools "zstd" "the compressor zstd") ] else [ ];
  script = ''"$stream" "''${jobs[@]}" --output "$out" --compress ${compressor}'';
}) (removeAttrs stream.passthru [ "isExe" ] // { inherit stream; }) { }
