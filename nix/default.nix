# nixpkgs' dockerTools, by laminix: functions of the same names, parameters and results. docs/nix.md tells how they are
# used, and what `pkgs` has to have; with nixpkgs, `import ./nix { inherit pkgs; }` is all.
{
  pkgs,
  # Where builders' programs come from; another set than `pkgs` only when cross-compiling.
  tools ? pkgs.pkgsBuildBuild or pkgs,
  # The package that has bin/laminix.
  laminix ? tools.laminix or (tools.callPackage ./package.nix { }),
  storeDir ? builtins.storeDir,
}:

let
  require = import ./lib/require.nix;
  overridable = import ./lib/overridable.nix;
  systemOf = platform: set: set.stdenv.${platform}.system or set.system or builtins.currentSystem;

  scope = {
    inherit
      pkgs
      tools
      storeDir
      require
      ;
    laminix = "${laminix}/bin/laminix";
    bash = "${require tools "bash" "every build"}/bin/bash";
    buildSystem = systemOf "buildPlatform" pkgs;
    goArchitecture = import ./lib/architecture.nix (systemOf "hostPlatform" pkgs);
    names = import ./lib/names.nix;
    withPassthru = import ./lib/withPassthru.nix;
    endingFor = import ./lib/compressors.nix;
    # For builds that read or write zstd: Node has one of its own since 22.15.
    zstd = if tools ? zstd then [ tools.zstd ] else [ ];
    build = call ./lib/build.nix;
    write = call ./lib/write.nix;
    specified = call ./lib/specified.nix;
    customisationLayer = call ./customisationLayer.nix;
  }
  // functions;

  # Gives a file's function what it asks for of the scope.
  call =
    file:
    let
      function = import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) scope);

  functions = {
    streamLayeredImage = overridable (call ./streamLayeredImage.nix);
    buildLayeredImage = overridable (call ./buildLayeredImage.nix);
    buildLayeredImageWithNixDb = args: functions.buildLayeredImage (args // { includeNixDB = true; });
    buildImage = overridable (call ./buildImage.nix);
    buildImageWithNixDb = args: functions.buildImage (args // { includeNixDB = true; });
    streamNixShellImage = overridable (call ./streamNixShellImage.nix);
    buildNixShellImage = overridable (call ./buildNixShellImage.nix);
    mergeImages = call ./mergeImages.nix;
    exportImage = call ./exportImage.nix;
    pullImage = call ./pullImage.nix;
    fakeNss = overridable (call ./fakeNss.nix) { };
    binSh = call ./binSh.nix;
    usrBinEnv = call ./usrBinEnv.nix;
    caCertificates = call ./caCertificates.nix;
    shadowSetup = call ./shadowSetup.nix;
  };
in
functions
