# Programs of this machine with their loader and libraries, for where there is nothing but the store: in containers, and
# where the root of an image is at `/`.
{ pkgs, build }:
let
  shell = pkgs.bashInteractive;
in
rec {
  # The programs of these names, then more commands of the build.
  contained =
    name: programs: more:
    build name ''
      mkdir -p "$out/bin" "$out/lib"
      add() {
        file=$(readlink -f "$(which "$1")")
        cp "$file" "$out/lib/$1.program"
        for library in $(ldd "$file" | grep -o '/[^ ]*'); do
          [ -e "$out/lib/''${library##*/}" ] || cp -L "$library" "$out/lib/"
        done
        printf '#!%s sh\nexec %s --library-path %s --argv0 %s %s "$@"\n' ${shell}/bin/busybox \
          "$out"/lib/ld-linux* "$out/lib" "$1" "$out/lib/$1.program" > "$out/bin/$1"
        chmod +x "$out/bin/$1"
      }
      for program in ${toString programs}; do add "$program"; done
      ${more}
    '';

  # What the scripts of an image are given; fakeroot in place of Debian's script, which wants more programs.
  tools =
    contained "tools"
      [
        "bash"
        "cat"
        "chmod"
        "chown"
        "cp"
        "id"
        "ln"
        "mkdir"
        "tar"
        "faked-sysv"
      ]
      ''
        cp "$(find /usr/lib -name libfakeroot-sysv.so)" "$out/lib"
        cat > "$out/bin/fakeroot" <<SCRIPT
        #!${shell}/bin/sh
        [ "\$1" = -- ] && shift
        key=\$($out/bin/faked-sysv)
        FAKEROOTKEY=\''${key%%:*} LD_PRELOAD=libfakeroot-sysv.so "\$@"
        code=\$?
        kill \''${key##*:}
        exit \$code
        SCRIPT
        chmod +x "$out/bin/fakeroot"
      '';

  # For a package set: as in nixpkgs, the programs of scripts are in the store alone.
  forScripts = {
    bash = tools;
    coreutils = tools;
    gnutar = tools;
    fakeroot = tools;
  };
}
