# What nix/package.nix asks nixpkgs for, stood in for: the library's functions are written from what its manual says of
# them, builders run a package's phases with this machine's programs, and hooks do nothing. What is built runs here alone.
{
  # Where this machine's programs are, as in PATH.
  path,
  # A folder with Node's headers.
  headers,
  # A file with the certificates that this machine trusts.
  certificates,
}:
let
  mkDerivation =
    {
      passthru ? { },
      meta ? { },
      ...
    }@arguments:
    derivation (
      { name = "${arguments.pname}-${arguments.version}"; }
      // removeAttrs arguments [
        "passthru"
        "meta"
      ]
      // {
        system = builtins.currentSystem;
        builder = "/bin/sh";
        PATH = path;
        args = [
          "-euc"
          ''
            # Compilers are wrapped, as nixpkgs' are: here to leave out optimisation, which takes as long as all else.
            mkdir "$TMPDIR/bin"
            printf '#!/bin/sh\nexec %s "$@" -O0\n' "$(command -v c++)" >"$TMPDIR/bin/c++"
            chmod +x "$TMPDIR/bin/c++"
            PATH=$TMPDIR/bin:$PATH
            runHook() { :; }
            patchShebangs() { :; }
            if [ -n "''${buildCommand-}" ]; then
              eval "$buildCommand"
            else
              cp -r "$src" source
              chmod -R u+w source
              cd source
              for phase in "$configurePhase" "$buildPhase" "$installPhase"; do eval "$phase"; done
            fi
          ''
        ];
      }
    )
    // passthru
    // {
      inherit arguments;
    };

  folder =
    name: link: target:
    mkDerivation {
      inherit name;
      buildCommand = ''
        mkdir -p "$out/${dirOf link}"
        ln -s "${target}" "$out/${link}"
      '';
    };
in
{
  lib = {
    importJSON = file: builtins.fromJSON (builtins.readFile file);
    fileContents = file: builtins.head (builtins.match "(.*[^\n])\n*" (builtins.readFile file));
    genAttrs =
      names: value:
      builtins.listToAttrs (
        map (name: {
          inherit name;
          value = value name;
        }) names
      );
    getDev = package: package.dev or package;
    optionalString = condition: text: if condition then text else "";
    fetchers.proxyImpureEnvVars = [
      "http_proxy"
      "https_proxy"
      "no_proxy"
      "HTTP_PROXY"
      "HTTPS_PROXY"
      "NO_PROXY"
    ];
    licenses.mit = "MIT";
    platforms.unix = [ "x86_64-linux" ];
  };
  stdenv = {
    hostPlatform = {
      isDarwin = false;
      isLinux = true;
    };
    inherit mkDerivation;
  };
  nodejs = {
    outPath = "/nodejs";
    dev = folder "node-headers" "include/node" headers;
  };
  cacert = folder "cacert" "etc/ssl/certs/ca-bundle.crt" certificates;
  cmake = "/cmake";
  ninja = "/ninja";
  libdeflate = "/libdeflate";
  zstd = "/zstd";
}
