# Three store paths that reference one another, without nixpkgs: a text, a banner around it, and a program that prints
# both. The program is static, so it runs in a container with nothing else in it.
#
# `path` is the PATH of the builds: the machine's own compiler stands in for nixpkgs'.
{ path }:

let
  build =
    name: variables: script:
    derivation (
      {
        inherit name;
        system = builtins.currentSystem;
        builder = "/bin/sh";
        args = [
          "-euc"
          script
        ];
        PATH = path;
      }
      // variables
    );

  greeting = builtins.toFile "greeting" ''
    Hello from a container made of Nix store paths.
  '';

  banner = build "banner" { inherit greeting; } ''
    mkdir "$out"
    ln -s "$greeting" "$out/text"
    echo '------------------------------------------------' > "$out/line"
  '';
in
build "hello" { inherit banner greeting; } ''
  mkdir -p "$out/bin"
  cc -O2 -static -DBANNER="\"$banner\"" -DGREETING="\"$greeting\"" -o "$out/bin/hello" ${./hello.c}
  strip "$out/bin/hello"
''
