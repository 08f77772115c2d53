# Puts several images into one archive, for one `docker load`.
{
  build,
  laminix,
  zstd,
}:
images:
build {
  name = "merge-docker-images";
  attributes = {
    preferLocalBuild = true;
    inherit images;
  };
  inputs = zstd;
  script = ''${laminix} merge "''${images[@]}" "''${jobs[@]}" --output "$out"'';
}
