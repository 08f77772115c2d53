# Derivations that a shell of this machine builds, with the machine's own programs, which are where `path` says.
{
  path,
  system ? builtins.currentSystem,
}:
name: script:
derivation {
  inherit name system;
  builder = "/bin/sh";
  args = [
    "-euc"
    script
  ];
  PATH = path;
}
