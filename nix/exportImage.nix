# Writes an image's root file system as one tar.
{
  build,
  laminix,
  zstd,
}:
{
  fromImage,
  name ? fromImage.name,
  # Which image, if the archive has several; give both or neither.
  fromImageName ? null,
  fromImageTag ? null,
  # Accepted without effect: there is no virtual machine.
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
