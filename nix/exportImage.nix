# The files of an image as one flat archive.
{
  build,
  laminix,
  zstd,
}:
{
  fromImage,
  name ? fromImage.name,
  # Which image of the archive it is, where there are several; both or none.
  fromImageName ? null,
  fromImageTag ? null,
  # Of a virtual machine, which is not needed here.
  diskSize ? 1024,
}:
assert
  (fromImageName == null) == (fromImageTag == null)
  || throw "laminix: exportImage of ${name} needs both fromImageName and fromImageTag, or neither";
build {
  inherit name;
  attributes = {
    preferLocalBuild = true;
    inherit fromImage;
    image = if fromImageName == null then [ ] else [ "--image=${fromImageName}:${fromImageTag}" ];
  };
  inputs = zstd;
  script = ''${laminix} export "$fromImage" "''${image[@]}" --output "$out"'';
}
