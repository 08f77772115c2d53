# An image with everything in one layer on top of the base image, in a file.
{
  specified,
  goArchitecture,
  names,
  endingFor,
  withPassthru,
  pkgs,
  require,
}:
{
  name,
  tag ? null,
  fromImage ? null,
  # Whose id was written into the layer once; of no use in images of today.
  fromImageName ? null,
  fromImageTag ? null,
  copyToRoot ? null,
  # What copyToRoot was called once.
  contents ? null,
  keepContentsDirlinks ? false,
  config ? null,
  architecture ? goArchitecture,
  extraCommands ? "",
  uid ? 0,
  gid ? 0,
  runAsRoot ? null,
  # Of the virtual machine for runAsRoot, in MiB.
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
  # The script has the shell and the programs that it has in nixpkgs; behind them are those that the machine has.
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
in
withPassthru image (
  passthru
  // {
    buildArgs = args;
    imageTag = if tag == null then names.hashOf image else tag;
  }
) meta
