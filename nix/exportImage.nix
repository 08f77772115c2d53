# The files of an image as one flat archive.
{ build, laminix }:
{
  fromImage,
  name ? fromImage.name,
  fromImageName ? null,
  fromImageTag ? null,
  # Of a virtual machine, which is not needed here.
  diskSize ? 1024,
}:
build {
  inherit name;
  attributes = {
    preferLocalBuild = true;
    inherit fromImage;
  };
  script = ''
    ${laminix} export "$fromImage" --output "$out"
  '';
}
