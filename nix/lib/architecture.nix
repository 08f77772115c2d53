# Go's name for the architecture of a Nix system; images use Go's names.
system:
let
  cpu = builtins.head (builtins.split "-" system);
  goNames = {
    x86_64 = "amd64";
    i686 = "386";
    aarch64 = "arm64";
    armv5tel = "arm";
    armv6l = "arm";
    armv7l = "arm";
    powerpc64le = "ppc64le";
    mips64el = "mips64le";
    loongarch64 = "loong64";
  };
in
goNames.${cpu} or cpu
