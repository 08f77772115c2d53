# Fetches an image from a registry, as an uncompressed docker-archive with a known hash: skopeo's, as in nixpkgs, or
# laminix's own.
{
  build,
  fetched,
  goArchitecture,
  laminix,
  names,
  require,
  tools,
}:
{
  imageName,
  # "sha256:…", the digest of a manifest or of a list of manifests.
  imageDigest,
  # The archive's hash: `hash` as SRI, or `sha256` in any form. With "", Nix tells the right one.
  hash ? null,
  sha256 ? null,
  os ? "linux",
  arch ? goArchitecture,
  # The image's name in the archive.
  finalImageName ? imageName,
  finalImageTag ? "latest",
  tlsVerify ? true,
  # Whose archive the hash is of: "skopeo" or "laminix", as `laminix pull` tells.
  archive ? "skopeo",
  name ? names.flat "docker-image-${finalImageName}-${finalImageTag}.tar",
}:
assert
  (hash == null) != (sha256 == null)
  || throw "laminix: pullImage of ${imageName} needs the archive's hash: either `hash` or `sha256`";
assert
  archive == "skopeo"
  || archive == "laminix"
  || throw "laminix: pullImage of ${imageName} has archive = ${builtins.toJSON archive}; it must be \"skopeo\" or \"laminix\"";
let
  outputHash = if hash == null then sha256 else hash;
  # An SRI hash names its own algorithm.
  sri = builtins.match "([a-z0-9]+)-.*" outputHash;
in
build {
  inherit name;
  inputs = if archive == "skopeo" then [ (require tools "skopeo" "pullImage") ] else [ ];
  attributes = fetched "pullImage" // {
    inherit imageDigest outputHash;
    # As nixpkgs names them.
    imageName = finalImageName;
    imageTag = finalImageTag;
    sourceURL = "docker://${imageName}@${imageDigest}";
    destNameTag = "${finalImageName}:${finalImageTag}";
    outputHashAlgo = if sri == null then "sha256" else builtins.head sri;
    inherit os arch;
    tlsVerify = if tlsVerify then "true" else "false";
  };
  script =
    if archive == "skopeo" then
      ''
        # skopeo fails if the file is not there, even where nobody has to log in.
        [ -r "''${REGISTRY_AUTH_FILE-}" ] || unset REGISTRY_AUTH_FILE
        SSL_CERT_FILE=$certificates skopeo \
          --insecure-policy --tmpdir="$TMPDIR" --override-os "$os" --override-arch "$arch" \
          copy --src-tls-verify="$tlsVerify" "$sourceURL" "docker-archive://$out:$destNameTag" >&2
      ''
    else
      ''
        trust=()
        [ "$tlsVerify" = true ] || trust=(--no-tls-verify)
        NODE_EXTRA_CA_CERTS=$certificates ${laminix} pull "''${sourceURL#docker://}" --output "$out" --os "$os" --arch "$arch" \
          --final-image-name "$imageName" --final-image-tag "$imageTag" "''${trust[@]}" >&2
      '';
}
