# /usr/bin/env
{
  write,
  pkgs,
  require,
}:
write.folder "usr-bin-env" ''
  mkdir -p "$out/usr/bin"
  ln -s ${require pkgs "coreutils" "usrBinEnv"}/bin/env "$out/usr/bin/env"
''
