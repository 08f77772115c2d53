# Several images in one archive, for one `docker load`.
{ build, laminix }:
images:
build {
  name = "merge-docker-images";
  attributes = {
    preferLocalBuild = true;
    inherit images;
  };
  script = ''${laminix} merge "''${images[@]}" "''${jobs[@]}" --output "$out"'';
}
