# /bin/sh
{
  write,
  pkgs,
  require,
}:
let
  shell = pkgs.bashInteractive or (require pkgs "bash" "binSh");
in
write.folder "bin-sh" ''
  mkdir "$out/bin"
  ln -s ${shell}/bin/bash "$out/bin/sh"
''
