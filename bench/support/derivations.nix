# The derivation of the last of some packages, over those of all that it is built with, written as nixpkgs writes them:
# one for each package, one of a fixed output for each file of its source.
{
  packages,
  system ? builtins.currentSystem,
}:
let
  list = builtins.fromJSON (builtins.readFile packages);
  all = builtins.listToAttrs (
    map (package: {
      inherit (package) name;
      value = build package;
    }) list
  );
  named = name: if name == "bootstrap-tools" then bootstrapTools else all.${name};
  # Debian's versions have characters that names of store paths do not.
  nameOf = builtins.replaceStrings [ "~" ":" ] [ "-" "-" ];
  empty =
    names:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = "";
      }) names
    );

  builder = builtins.toFile "builder.sh" ''
    . "$stdenv/setup"
    for src in $srcs; do unpack "$src"; done
    ./configure --prefix="$out" $configureFlags
    make && make install
  '';

  bootstrapTools = derivation {
    name = "bootstrap-tools";
    inherit system;
    builder = "/bin/sh";
    args = [ builder ];
  };

  fixed = { name, sha256, ... }: {
    name = nameOf name;
    outputHashAlgo = "sha256";
    outputHashMode = "flat";
    outputHash = sha256;
    preferLocalBuild = true;
    impureEnvVars = map (scheme: "${scheme}_proxy") [ "http" "https" "ftp" "all" "no" ];
  };

  # Before there is a curl, Nix fetches files itself.
  fetch =
    tools: file:
    if builtins.length tools < 2 then
      derivation (
        fixed file
        // empty [ "executable" "unpack" ]
        // {
          inherit (file) url;
          urls = [ file.url ];
          system = "builtin";
          builder = "builtin:fetchurl";
        }
      )
    else
      derivation (
        fixed file
        // common tools
        // empty [ "curlOpts" "curlOptsList" "downloadToTemp" "executable" "postFetch" "showURLs" ]
        // {
          urls = [ file.url ];
          nativeBuildInputs = [ (named "curl") ];
        }
      );

  common =
    tools:
    let
      stdenv = named (builtins.head tools);
    in
    empty (
      [ "buildInputs" "cmakeFlags" "configureFlags" "mesonFlags" "nativeBuildInputs" "patches" ]
      ++ [ "doCheck" "doInstallCheck" "strictDeps" "propagatedBuildInputs" "propagatedNativeBuildInputs" ]
      ++ [ "depsBuildBuild" "depsBuildBuildPropagated" "depsBuildTarget" "depsBuildTargetPropagated" ]
      ++ [ "depsHostHost" "depsHostHostPropagated" "depsTargetTarget" "depsTargetTargetPropagated" ]
    )
    // {
      inherit system stdenv;
      builder = "${stdenv}/bin/bash";
      args = [ "-e" builder ];
    };

  build =
    {
      name,
      version,
      files,
      tools,
      inputs,
    }:
    derivation (
      common tools
      // {
        name = nameOf "${name}-${version}";
        pname = name;
        inherit version;
        srcs = map (fetch tools) files;
        buildInputs = map named inputs;
      }
    );
in
build (builtins.elemAt list (builtins.length list - 1))
