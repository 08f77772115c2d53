# A derivation that the tool makes of a spec. The spec's file refers to every store path that the spec names, so its
# closure is all that can come to be in the image, and is given to the tool as a reference graph.
{
  build,
  write,
  laminix,
  zstd,
  tools,
  require,
}:
{
  name,
  # The tool's subcommand, which takes SPEC and --output.
  command,
  spec,
  # More arguments, as words of bash.
  arguments ? "",
  attributes ? { },
}:
let
  forKey = condition: name: key: if condition then [ (require tools name key) ] else [ ];
  hasScript = key: spec.${key} or "" != "";
  hasRootScript = hasScript "fakeRootCommands";
  hasDatabase = spec.includeNixDB;
  programs =
    zstd
    ++ forKey (hasScript "extraCommands" || hasRootScript) "gnutar" "extraCommands or fakeRootCommands"
    ++ forKey hasRootScript "fakeroot" "fakeRootCommands"
    ++ forKey (hasRootScript && spec.enableFakechroot) "proot" "enableFakechroot"
    ++ forKey hasDatabase "nix" "includeNixDB"
    ++ forKey hasDatabase "sqlite" "includeNixDB";
  specFile = write.file "${name}-spec.json" (builtins.toJSON spec);
in
build {
  inherit name;
  inputs = programs;
  attributes = {
    preferLocalBuild = true;
    inherit specFile;
    exportReferencesGraph.graph = [ specFile ];
  }
  // attributes;
  script = ''
    ${laminix} ${command} "$specFile" --graph "$attrs" "''${jobs[@]}" --output "$out" ${arguments}
  '';
}
