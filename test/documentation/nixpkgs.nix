# What the pages call nixpkgs: the packages that their examples name, each built in a moment by the shell of this machine.
# Versions and references are those of the pages. What runs in containers is busybox and its scripts.
{
  system ? builtins.currentSystem,
  ...
}:

let
  # Of a flake, which knows no environment, the packages must be the same.
  path = "/usr/bin:/bin";
  setting = name: builtins.getEnv "DOCUMENTATION_${name}";

  support = import (/. + setting "PACKAGES") {
    path = setting "PATH";
    kernel = setting "KERNEL";
    command = builtins.toJSON (setting "COMMAND");
  };

  # As stdenv.mkDerivation, as far as the pages go.
  package =
    attrs:
    let
      derived = derivation (
        {
          name = "${attrs.pname}-${attrs.version}";
          inherit system;
          builder = "/bin/sh";
          args = [
            "-euc"
            ''
              PATH=${path}
              for input in ''${nativeBuildInputs-}; do PATH=$input/bin:$PATH; done
              # So that no size depends on where the store is.
              padded() { { printf '%s\n#' "$2"; yes . | tr -d '\n'; } | head -c "$1"; }
              eval "$buildCommand"
              eval "''${postFixup-}"
            ''
          ];
        }
        // attrs
      );
    in
    derived
    // {
      inherit (attrs) pname version;
      overrideAttrs = change: package (attrs // change attrs);
    };

  # Files that are there to be referenced, and to have a size.
  library =
    pname: version: kilobytes: needs:
    package {
      inherit pname version needs;
      buildCommand = ''
        mkdir -p "$out/lib"
        yes ${pname} | head -c ${toString kilobytes}000 >"$out/lib/${pname}"
        padded 4000 "$needs" >"$out/lib/needs"
      '';
    };

  # A program that says what it is, and needs more than a shell.
  program =
    pname: version: needs:
    package {
      inherit pname version needs;
      buildCommand = ''
        mkdir -p "$out/bin" "$out/share"
        padded 4000 "$needs" >"$out/share/needs"
        padded 1000 "#!${packages.busybox}/bin/sh
        echo '${pname} ${version} runs'" >"$out/bin/${pname}"
        chmod +x "$out/bin/${pname}"
      '';
    };

  packages = rec {
    busybox = package {
      pname = "busybox";
      version = "1.36.1";
      buildCommand = ''
        mkdir -p "$out/bin"
        cp "$(which busybox)" "$out/bin/busybox"
        for each in cat date echo env httpd id ls mkdir sh sleep sort; do ln -s busybox "$out/bin/$each"; done
      '';
    };
    glibc = library "glibc" "2.39" 900 [ ];
    zlib = library "zlib" "1.3.1" 100 [ glibc ];
    openssl = (library "openssl" "3.0.14" 400 [ glibc ]).overrideAttrs (old: {
      outputs = [
        "out"
        "bin"
      ];
      buildCommand = old.buildCommand + ''mkdir "$bin"'';
    });
    openssl_old = library "openssl" "3.0.13" 400 [ glibc ];
    icu = library "icu" "74" 300 [ glibc ];
    gcc = library "gcc" "13.3.0" 5000 [ glibc zlib ];
    python3 = library "python3" "3.12" 2000 [ glibc openssl zlib ];
    legacy-client = library "legacy-client" "0.9" 100 [ openssl_old ];

    # Built by a bash, as nixpkgs' packages are, so that there are shell images of it.
    hello = (program "hello" "2.12.1" [ glibc icu ]).overrideAttrs (_: {
      builder = "${bash}/bin/bash";
      stdenv = package {
        pname = "stdenv";
        version = "1";
        buildCommand = ''
          mkdir -p "$out"
          echo 'buildDerivation() { eval "$buildCommand"; }' >"$out/setup"
        '';
      };
    });
    curl = program "curl" "8.9.1" [ openssl zlib ];
    git = (program "git" "2.45.2" [ curl ]).overrideAttrs (old: {
      outputs = [
        "out"
        "doc"
      ];
      buildCommand = old.buildCommand + ''mkdir "$doc"'';
    });
    nginx = program "nginx" "1.27.1" [ openssl zlib ];
    redis = program "redis" "7.2.7" [ openssl ];
    app = program "app" "1.0" [ glibc ];
    # Needs a compiler only because a path has stayed in its file.
    web = program "web" "1.0" [ python3 gcc legacy-client ];
    web_next = program "web" "1.1" [ python3 git ];

    bash = package {
      pname = "bash";
      version = "5.2";
      buildCommand = ''
        mkdir -p "$out/bin"
        printf '#!%s/bin/sh\nexec %s/bin/sh "$@"\n' ${busybox} ${busybox} >"$out/bin/bash"
        chmod +x "$out/bin/bash"
      '';
    };
    coreutils = package {
      pname = "coreutils";
      version = "9.5";
      buildCommand = ''
        mkdir -p "$out/bin"
        for each in cat env id ls sort; do ln -s ${busybox}/bin/busybox "$out/bin/$each"; done
      '';
    };
    nss-cacert = package {
      pname = "nss-cacert";
      version = "3.107";
      buildCommand = ''
        mkdir -p "$out/etc/ssl/certs"
        echo certificates >"$out/etc/ssl/certs/ca-bundle.crt"
      '';
    };
    tzdata = package {
      pname = "tzdata";
      version = "2025a";
      buildCommand = ''
        mkdir -p "$out/share/zoneinfo"
        echo UTC >"$out/share/zoneinfo/UTC"
      '';
    };
    shadow = program "shadow" "4.16" [ ];
    removeReferencesTo = package {
      pname = "remove-references-to";
      version = "1";
      buildCommand = ''
        mkdir -p "$out/bin"
        cat >"$out/bin/remove-references-to" <<'END'
        #!/bin/sh
        # -t PATH FILE…: the hash of PATH is overwritten in the files, as by the program of this name in nixpkgs.
        hash=$(basename "$2" | cut -c1-32)
        shift 2
        sed -i "s|$hash|eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee|g" "$@"
        END
        chmod +x "$out/bin/remove-references-to"
      '';
    };
  };
in
# The functions of nix/ are given what their own tests give them.
packages // (if setting "PACKAGES" == "" then { } else support) // { all = builtins.attrValues packages; }
