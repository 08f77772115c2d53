# Builds an image with everything in one layer on top of the base image, as a file.
{
  specified,
  goArchitecture,
  names,
  endingFor,
  withPassthru,
  pkgs,
  require,
  copies,
}:
{
  name,
  tag ? null,
  fromImage ? null,
  # Accepted without effect: as in nixpkgs, the archive's first image is the base.
  fromImageName ? null,
  fromImageTag ? null,
  copyToRoot ? null,
  # The old name of copyToRoot.
  contents ? null,
  keepContentsDirlinks ? false,
  config ? null,
  architecture ? goArchitecture,
  extraCommands ? "",
  uid ? 0,
  gid ? 0,
  runAsRoot ? null,
  # MiB, for the virtual machine of runAsRoot.
  diskSize ? 1024,
  buildVMMemorySize ? 512,
  created ? "1970-01-01T00:00:01Z",
  compressor ? "gz",
  includeNixDB ? false,
  passthru ? { },
  meta ? { },
}@args:
assert
  copyToRoot == null
  || contents == null
  || throw "laminix: buildImage of ${name} has both copyToRoot and contents, which is its old name; keep copyToRoot";
let
  # The script gets the same shell and programs as in nixpkgs, followed by the machine's own.
  shell = pkgs.runtimeShell or "${require pkgs "bashInteractive" "runAsRoot"}/bin/bash";
  rootScript = ''
    #!${shell}
    export PATH=${require pkgs "coreutils" "runAsRoot"}/bin:/bin:$PATH
    ${runAsRoot}
  '';
  copied =
    if contents == null then
      copyToRoot
    else
      builtins.trace "laminix: buildImage of ${name}: contents is the old name of copyToRoot" contents;
  image = specified {
    name = "docker-image-${baseNameOf name}.tar${endingFor name compressor}";
    command = "build-image";
    spec = {
      name = names.toLower name;
      copyToRoot = if copied == null then [ ] else names.toList copied;
      config = if config == null then { } else config;
      inherit
        fromImage
        keepContentsDirlinks
        architecture
        extraCommands
        uid
        gid
        created
        includeNixDB
        diskSize
        buildVMMemorySize
        ;
      runAsRoot = if runAsRoot == null then null else rootScript;
    };
    arguments = ''--compress ${compressor} --tag "''${tag:-$hash}"'';
    attributes = {
      inherit tag;
      imageName = names.toLower name;
    };
  };
  imageTag = if tag == null then names.hashOf image else tag;
in
withPassthru image (
  copies {
    inherit image;
    name = names.toLower name;
    tag = imageTag;
    isExe = false;
  }
  // passthru
  // {
    buildArgs = args;
    inherit imageTag;
  }
) meta
