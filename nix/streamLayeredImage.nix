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
  # Layers of one's own, bottom first: `[ { deps = [ package ]; maxLayers = 1; } ]`.
  layers ? [ ],
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
assert
  layers == [ ]
  || layeringPipeline == null
  || throw "laminix: image ${name} has both layers and layeringPipeline; keep one";
let
  imageName = names.toLower name;
  pipeline =
    if layers == [ ] then layeringPipeline else import ./lib/explicitLayers.nix name maxLayers layers;
  # Without registry and slashes, which a store path's name cannot contain.
  baseName = baseNameOf name;

  # It references the store paths that the configuration and layers of one's own name.
  baseJson = write.file "${baseName}-base.json" (
    builtins.toJSON (
      {
        inherit architecture;
        config = if config == null then { } else config;
        os = "linux";
      }
      // (if layers == [ ] then { } else { inherit layers; })
    )
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
          strategy
          created
          mtime
          uid
          gid
          uname
          gname
          storeDir
          ;
        layeringPipeline = pipeline;
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
