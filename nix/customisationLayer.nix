# The layer of what is put at an image's root: a folder with layer.tar and its checksum.
{
  build,
  laminix,
  bash,
  tools,
  require,
  names,
}:
{
  name,
  contents,
  extraCommands,
  fakeRootCommands,
  enableFakechroot,
  perms,
  includeNixDB,
}:
let
  paths = names.toList contents;
in
assert perms == [ ];
build {
  inherit name;
  attributes = {
    preferLocalBuild = true;
    exportReferencesGraph.graph = paths;
    contents = paths;
    inherit extraCommands fakeRootCommands;
  };
  inputs = [ (require tools "gnutar" "fakeRootCommands") ];
  script = ''
    mkdir root "$out"
    cd root
    for path in "''${contents[@]}"; do
      cp -rs "$path/." .
      chmod -R u+w .
    done
    eval "$extraCommands"
    eval "$fakeRootCommands"
    tar --sort name --numeric-owner --owner 0 --group 0 --mtime @315532800 -cf "$out/layer.tar" .
    sha256sum "$out/layer.tar" | cut -d ' ' -f 1 > "$out/checksum"
  '';
}
