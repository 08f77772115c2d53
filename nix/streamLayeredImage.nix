# Builds an executable that prints an image of many layers as a docker-archive.
{
  build,
  write,
  bash,
  laminix,
  zstd,
  storeDir,
  goArchitecture,
  names,
  withPassthru,
  customisationLayer,
  copies,
}:
let
  streamScript = write.executable "laminix-stream-conf" ''
    #!${bash}
    exec ${laminix} stream-conf "$@"
  '';
in
{
  name,
  tag ? null,
  fromImage ? null,
  contents ? [ ],
  copyToRoot ? [ ],
  keepContentsDirlinks ? false,
  config ? { },
  architecture ? goArchitecture,
  created ? "1970-01-01T00:00:01Z",
  mtime ? "1970-01-01T00:00:01Z",
  uid ? 0,
  gid ? 0,
  uname ? "root",
  gname ? "root",
  maxLayers ? 100,
  layeringPipeline ? null,
  strategy ? "auto",
  extraCommands ? "",
  fakeRootCommands ? "",
  enableFakechroot ? false,
  perms ? [ ],
  includeStorePaths ? true,
  includeNixDB ? false,
  debug ? false,
  passthru ? { },
  meta ? { },
}:
assert
  layeringPipeline != null
  || maxLayers > 1
  || throw "laminix: maxLayers of image ${name} is ${toString maxLayers}; one layer goes to its contents and configuration, so raise it to 2 or more";
let
  imageName = names.toLower name;
  # Without registry and slashes, which a store path's name cannot contain.
  baseName = baseNameOf name;

  # It references the store paths that the configuration names.
  baseJson = write.file "${baseName}-base.json" (
    builtins.toJSON {
      inherit architecture;
      config = if config == null then { } else config;
      os = "linux";
    }
  );

  customisation = customisationLayer {
    name = imageName;
    inherit
      fromImage
      contents
      copyToRoot
      keepContentsDirlinks
      extraCommands
      fakeRootCommands
      enableFakechroot
      perms
      includeNixDB
      mtime
      ;
  };

  conf = build {
    name = "${baseName}-conf.json";
    attributes = {
      preferLocalBuild = true;
      exportReferencesGraph.graph =
        if includeStorePaths then
          [
            baseJson
            customisation
          ]
        else
          [ ];
      image = {
        name = imageName;
        customisationLayer = customisation;
        inherit
          tag
          baseJson
          fromImage
          maxLayers
          layeringPipeline
          strategy
          created
          mtime
          uid
          gid
          uname
          gname
          storeDir
          ;
      };
    };
    inputs = zstd;
    script = ''${laminix} conf ${if debug then "--verbose" else ""} "$attrs" --output "$out"'';
  };

  imageTag = if tag == null then names.hashOf conf else tag;

  stream = build {
    name = "stream-${baseName}";
    attributes = {
      preferLocalBuild = true;
      inherit imageName conf streamScript;
    };
    script = ''
      printf '#!%s\nexec %s %s "$@"\n' ${bash} "$streamScript" "$conf" > "$out"
      chmod +x "$out"
    '';
  };
in
withPassthru stream (
  copies {
    image = stream;
    name = imageName;
    tag = imageTag;
    isExe = true;
  }
  // passthru
  // {
    inherit conf streamScript imageTag;
    # Distinguishes this from an image that is a file.
    isExe = true;
  }
) meta
