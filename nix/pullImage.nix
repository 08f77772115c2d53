# Fetches an image from a registry, as an uncompressed docker-archive with a known hash.
{
  build,
  tools,
  require,
  goArchitecture,
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
  name ?
    builtins.replaceStrings
      [
        "/"
        ":"
      ]
      [
        "-"
        "-"
      ]
      "docker-image-${finalImageName}-${finalImageTag}.tar",
}:
assert
  (hash == null) != (sha256 == null)
  || throw "laminix: pullImage of ${imageName} needs the archive's hash: either `hash` or `sha256`";
let
  outputHash = if hash == null then sha256 else hash;
  # An SRI hash names its own algorithm.
  sri = builtins.match "([a-z0-9]+)-.*" outputHash;
  proxies = [
    "http_proxy"
    "https_proxy"
    "ftp_proxy"
    "all_proxy"
    "no_proxy"
    "HTTP_PROXY"
    "HTTPS_PROXY"
    "FTP_PROXY"
    "ALL_PROXY"
    "NO_PROXY"
  ];
in
build {
  inherit name;
  inputs = [ (require tools "skopeo" "pullImage") ];
  attributes = {
    preferLocalBuild = true;
    inherit imageName imageDigest outputHash;
    outputHashAlgo = if sri == null then "sha256" else builtins.head sri;
    outputHashMode = "flat";
    impureEnvVars = proxies;
    source = "docker://${imageName}@${imageDigest}";
    reference = "${finalImageName}:${finalImageTag}";
    certificates = "${require tools "cacert" "pullImage"}/etc/ssl/certs/ca-bundle.crt";
    inherit os arch;
    tlsVerify = if tlsVerify then "true" else "false";
  };
  script = ''
    SSL_CERT_FILE=$certificates skopeo \
      --insecure-policy --tmpdir="$TMPDIR" --override-os "$os" --override-arch "$arch" \
      copy --src-tls-verify="$tlsVerify" "$source" "docker-archive://$out:$reference" >&2
  '';
}
