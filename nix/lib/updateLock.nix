# A program that writes a lock anew. It takes the file, which is where the lock lies unless that is in the store, and
# options of `laminix lock`.
{
  bash,
  laminix,
  storeDir,
  withPassthru,
  write,
}:
{
  # The lock, as a text.
  place,
  # With the tag that is followed.
  reference,
  # Whose manifests to lock; this machine's if there are none.
  platforms,
  # Flags about the registry.
  trust,
}:
let
  isInStore = builtins.substring 0 (builtins.stringLength storeDir + 1) place == "${storeDir}/";
  quoted = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] text}'";
  words =
    [ reference ]
    ++ builtins.concatMap (platform: [
      "--platform"
      platform
    ]) platforms
    ++ trust;
in
withPassthru (write.folder "update-manifest" ''
  mkdir "$out/bin"
  cat > "$out/bin/update-manifest" <<'SCRIPT'
  #!${bash}
  set -euo pipefail
  file=${if isInStore then "" else quoted place}
  case "''${1-}" in
    "" | -*) ;;
    *) file=$1; shift ;;
  esac
  if [ -z "$file" ]; then
    echo "usage: update-manifest FILE [OPTION...], where FILE is the lock, and options are those of laminix lock" >&2
    exit 2
  fi
  exec ${laminix} lock ${builtins.concatStringsSep " " (map quoted words)} --output "$file" "$@"
  SCRIPT
  chmod +x "$out/bin/update-manifest"
'') { } { mainProgram = "update-manifest"; }
