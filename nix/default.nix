# nixpkgs' dockerTools, by laminix: functions with the same names, parameters and results. With nixpkgs, use
# `import ./nix { inherit pkgs; }`. docs/nix.md describes the functions, and what `pkgs` must have.
{
  pkgs,
  # The programs that builders run come from here; differs from `pkgs` only when cross-compiling.
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
    # For builds that read zstd.
    zstd = if tools ? zstd then [ tools.zstd ] else [ ];
    build = call ./lib/build.nix;
    write = call ./lib/write.nix;
    specified = call ./lib/specified.nix;
    copies = call ./lib/copies.nix;
    fetched = call ./lib/fetched.nix;
    updateLock = call ./lib/updateLock.nix;
    customisationLayer = call ./customisationLayer.nix;
  }
  // functions;

  # Calls a file's function with the parts of the scope that it asks for.
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
    pullImageFromManifest = call ./pullImageFromManifest.nix;
    fakeNss = overridable (call ./fakeNss.nix) { };
    binSh = call ./binSh.nix;
    usrBinEnv = call ./usrBinEnv.nix;
    caCertificates = call ./caCertificates.nix;
    shadowSetup = call ./shadowSetup.nix;
  };
in
functions
