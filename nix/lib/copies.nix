# Programs that bring an image to where it is used, by nix2container's names: only layers that are missing there are sent.
{
  bash,
  laminix,
  write,
  withPassthru,
}:
{
  image,
  # How the image is registered or loaded.
  name,
  tag,
  # Whether the image is a program that prints the archive, or the archive itself.
  isExe,
}:
let
  program =
    programName: command:
    withPassthru
      (write.folder programName ''
        mkdir "$out/bin"
        cat > "$out/bin/${programName}" <<'SCRIPT'
        #!${bash}
        set -euo pipefail
        ${if isExe then "${image} | ${laminix} ${command} -" else "${laminix} ${command} ${image}"} ${arguments command}
        SCRIPT
        chmod +x "$out/bin/${programName}"
      '')
      { }
      {
        # What `nix run` starts.
        mainProgram = programName;
      };
  arguments = command: if command == "push" then ''"${name}:${tag}" "$@"'' else ''"$@"'';
in
{
  copyToRegistry = program "copy-to-registry" "push";
  copyToDockerDaemon = program "copy-to-docker-daemon" "load --engine docker";
  copyToPodman = program "copy-to-podman" "load --engine podman";
}
