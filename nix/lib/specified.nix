# A derivation that the tool builds from a spec. The spec's file references every store path that the spec names, so its
# closure is everything that the image can contain. The tool gets it as a reference graph.
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
  # More arguments, as bash words.
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
    ++ forKey hasMachine "qemu_kvm" "runAsRoot"
    ++ forKey hasDatabase "nix" "includeNixDB"
    ++ forKey hasDatabase "sqlite" "includeNixDB";
  # runAsRoot needs a virtual machine; it uses /dev/kvm if that is there, and emulation otherwise.
  hasMachine = spec.runAsRoot or null != null;
  kernel = require tools "linux" "runAsRoot";
  machine =
    if hasMachine then
      {
        LAMINIX_VM_KERNEL = "${kernel}";
        LAMINIX_VM_MODULES = "${kernel.modules or kernel}/lib/modules";
        LAMINIX_VM_BUSYBOX = "${require (require tools "pkgsStatic" "runAsRoot") "busybox" "runAsRoot"}/bin/busybox";
      }
    else
      { };
  # As in nixpkgs, scripts have the functions of the standard environment. Its setup must not take the attributes of this
  # build for those of a package, and must leave PATH what it has.
  setup =
    if tools ? stdenv.outPath then
      "unset NIX_ATTRS_SH_FILE NIX_ATTRS_JSON_FILE; export stdenv=${tools.stdenv} out=\${out:-$NIX_BUILD_TOP/out}; laminixPath=$PATH; source $stdenv/setup; PATH=$PATH:$laminixPath; unset laminixPath; "
    else
      "";
  # In the script's first line, so that errors name the lines of the caller.
  withSetup = key: if hasScript key then { ${key} = setup + spec.${key}; } else { };
  specFile = write.file "${name}-spec.json" (
    builtins.toJSON (spec // withSetup "extraCommands" // withSetup "fakeRootCommands")
  );
in
build {
  inherit name;
  inputs = programs;
  attributes = {
    preferLocalBuild = true;
    inherit specFile;
    exportReferencesGraph.graph = [ specFile ];
    environment = builtins.attrValues (builtins.mapAttrs (name: value: "${name}=${value}") machine);
  }
  // attributes;
  script = ''
    for variable in "''${environment[@]}"; do export "$variable"; done
    ${laminix} ${command} "$specFile" --graph "$attrs" "''${jobs[@]}" --output "$out" ${arguments}
  '';
}
