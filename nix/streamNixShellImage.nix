# Builds an executable that prints an image with a shell in which to build a derivation by hand, in the environment that
# Nix would build it in.
{
  build,
  write,
  bash,
  laminix,
  pkgs,
  require,
  names,
  withPassthru,
}:
let
  interactive = "${pkgs.bashInteractive or (require pkgs "bash" "a shell in an image")}/bin/bash";
in
{
  drv,
  name ? "${drv.name}-env",
  tag ? null,
  uid ? 1000,
  gid ? 1000,
  homeDirectory ? "/build",
  # The path of a bash.
  shell ? interactive,
  # Commands that an interactive shell runs before it exits.
  command ? null,
  # Commands for a non-interactive shell.
  run ? null,
}:
assert
  command == null
  || run == null
  || throw "laminix: the shell of ${name} runs either command or run, not both";
let
  environment = write.file "${drv.name}-env.json" (import ./lib/buildEnvironment.nix drv);

  option =
    flag: value:
    if value == null then
      ""
    else
      " ${flag} '${builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString value)}'";
  arguments = builtins.concatStringsSep "" [
    (option "--name" (names.toLower name))
    (option "--uid" uid)
    (option "--gid" gid)
    (option "--home" homeDirectory)
    (option "--shell" shell)
    (option "--command" command)
    (option "--run" run)
    (option "--bin-sh" interactive)
    (option "--usr-bin-env" "${require pkgs "coreutils" "a shell in an image"}/bin/env")
  ];

  # The closure of everything in the image.
  graph = build {
    name = "${baseNameOf name}-graph.json";
    attributes = {
      preferLocalBuild = true;
      exportReferencesGraph.graph = [
        environment
        (write.file "${baseNameOf name}-arguments" arguments)
      ];
    };
    script = ''cp "$attrs" "$out"'';
  };
  imageTag = if tag == null then names.hashOf graph else tag;

  stream = write.executable "stream-${baseNameOf name}" ''
    #!${bash}
    exec ${laminix} nix-shell ${environment} --graph ${graph} --tag ${imageTag}${arguments} "$@"
  '';
in
withPassthru stream {
  imageName = names.toLower name;
  inherit imageTag;
  isExe = true;
} { }
