# A derivation that the tool makes of a spec. The spec's file refers to every store path that the spec names, so its
# closure is all that can come to be in the image, and is given to the tool as a reference graph.
{
  build,
  write,
  laminix,
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
  inputs ? [ ],
}:
let
  wants = key: (spec.${key} or "") != "" && (spec.${key} or false) != false;
  hasCommands = wants "extraCommands" || wants "fakeRootCommands";
  programs =
    inputs
    ++ (if hasCommands then [ (require tools "gnutar" "commands over an image's files") ] else [ ])
    ++ (if wants "fakeRootCommands" then [ (require tools "fakeroot" "fakeRootCommands") ] else [ ])
    ++ (if wants "enableFakechroot" then [ (require tools "proot" "enableFakechroot") ] else [ ])
    ++ (
      if wants "includeNixDB" then
        [
          (require tools "nix" "includeNixDB")
          (require tools "sqlite" "includeNixDB")
        ]
      else
        [ ]
    );
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
