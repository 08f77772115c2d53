# A package set that is made in a second: links to this machine's own programs, for builds outside of a sandbox, and a
# static shell for what runs in containers. It has what docs/nix.md says that a set has to have, each program in the
# package that is asked for it, and nothing more.
{
  # Where this machine's programs are, as in PATH.
  path,
  # What runs laminix, as words of a shell.
  command,
  # A kernel, as its package was unpacked.
  kernel,
  system ? builtins.currentSystem,
}:

let
  build = import ./machineBuild.nix { inherit system path; };

  links =
    name: programs:
    build name ''
      mkdir -p "$out/bin"
      for program in ${toString programs}; do
        ln -s "$(which "$program")" "$out/bin/$program"
      done
    '';
in
{
  laminix = build "laminix" ''
    mkdir -p "$out/bin"
    printf '#!/bin/sh\nexec %s "$@"\n' ${command} > "$out/bin/laminix"
    chmod +x "$out/bin/laminix"
  '';

  bash = links "bash" [ "bash" ];
  coreutils = links "coreutils" [
    "cat"
    "chmod"
    "chown"
    "cp"
    "cut"
    "echo"
    "env"
    "id"
    "ln"
    "ls"
    "mkdir"
    "mv"
    "printf"
    "rm"
    "sha256sum"
    "stat"
    "touch"
  ];
  gnutar = links "gnutar" [ "tar" ];
  # A script that finds more programs by PATH.
  fakeroot = build "fakeroot" ''
    mkdir -p "$out/bin"
    printf '#!/bin/sh\nPATH=$PATH:%s exec %s "$@"\n' "$PATH" "$(which fakeroot)" > "$out/bin/fakeroot"
    chmod +x "$out/bin/fakeroot"
  '';
  proot = links "proot" [ "proot" ];
  qemu_kvm = links "qemu" [ "qemu-system-${builtins.head (builtins.split "-" system)}" ];
  # Modules have an output of their own.
  linux = (build "linux" ''ln -s ${kernel}/boot "$out"'') // {
    modules = build "linux-modules" ''mkdir "$out"; ln -s ${kernel}/lib "$out/lib"'';
  };
  pkgsStatic.busybox = links "busybox" [ "busybox" ];
  nix = links "nix" [ "nix-store" ];
  sqlite = links "sqlite" [ "sqlite3" ];
  zstd = links "zstd" [ "zstd" ];
  skopeo = links "skopeo" [ "skopeo" ];

  cacert = build "cacert" ''
    mkdir -p "$out/etc/ssl/certs"
    echo certificates > "$out/etc/ssl/certs/ca-bundle.crt"
  '';

  # For containers, where nothing of this machine is.
  bashInteractive = build "static-shell" ''
    mkdir -p "$out/bin"
    cp "$(which busybox)" "$out/bin/busybox"
    for program in cat env id ls readlink sh stat wc; do ln -s busybox "$out/bin/$program"; done
    printf '#!%s sh\nexec %s sh "$@"\n' "$out/bin/busybox" "$out/bin/busybox" > "$out/bin/bash"
    chmod +x "$out/bin/bash"
  '';
}
