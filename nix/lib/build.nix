# A derivation built by a bash script. Its attributes reach the script in files, so they may be of any length: as bash
# variables, and as JSON in the file that `$attrs` names. `$hash` is the hash part of `$out`; `jobs` are arguments that
# make the tool use as many cores as it may.
{
  bash,
  buildSystem,
  tools,
  require,
  withPassthru,
}:
let
  # With nixpkgs, scripts find the same programs as in its builders.
  packages = [
    (require tools "coreutils" "every build")
    (require tools "bash" "every build")
  ]
  ++ (tools.stdenv.initialPath or [ ]);
in
# `inputs`: packages whose programs the script runs.
{
  name,
  script,
  attributes ? { },
  inputs ? [ ],
}:
withPassthru (derivation (
  {
    inherit name;
    system = buildSystem;
    builder = bash;
    __structuredAttrs = true;
    args = [
      "-euo"
      "pipefail"
      "-c"
      ''
        export PATH=${builtins.concatStringsSep ":" (map (package: "${package.bin or package}/bin") (inputs ++ packages))}
        # Not below HOME, which is no place in builds, and must not come to be one.
        export LAMINIX_CACHE_DIR=$NIX_BUILD_TOP/.laminix
        . "$NIX_ATTRS_SH_FILE"
        attrs=$NIX_ATTRS_JSON_FILE
        out=''${outputs[out]} hash=''${outputs[out]##*/}
        hash=''${hash:0:32}
        # 0 stands for all cores, which is what the tool takes anyway.
        jobs=()
        [ "''${NIX_BUILD_CORES:-0}" = 0 ] || jobs=(--jobs "$NIX_BUILD_CORES")
        ${script}
        # Nix takes a builder for ended when it closes its output, and kills it then. Some programs of coreutils do so a
        # moment before they end, and bash would become the last command; with this one it stays itself.
        :
      ''
    ];
  }
  // attributes
)) { } { }
