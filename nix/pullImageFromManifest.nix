# An image of a registry as an OCI layout, by a manifest that is kept beside the expression. Each blob is fetched by
# itself, so that images which have it share it in the store.
{
  build,
  fetched,
  goArchitecture,
  laminix,
  names,
  updateLock,
  withPassthru,
}:
{
  # What `laminix lock` has written; or a manifest as it is in the registry, which does not say where it comes from.
  manifest,
  # Where the blobs are, and which tag `update` follows; the lock's unless given.
  imageName ? null,
  imageTag ? null,
  # Which of the lock's manifests. Unless given, the only one; of several, the one for Linux on the package set's
  # architecture.
  os ? null,
  arch ? null,
  variant ? null,
  # The image's name in the layout.
  finalImageName ? null,
  finalImageTag ? null,
  tlsVerify ? true,
  plainHttp ? false,
  name ? null,
  passthru ? { },
  meta ? { },
}:
let
  lock = import ./lib/manifestLock.nix manifest;
  given = value: default: if value == null then default else value;

  source = given imageName (
    lock.imageName
      or (throw "laminix: ${toString manifest} does not say where its image comes from; give imageName")
  );
  tag = given imageTag (lock.imageTag or null);
  finalName = given finalImageName source;
  finalTag = given finalImageTag (given tag "latest");

  platformOf =
    platform:
    builtins.concatStringsSep "/" (
      [
        platform.os
        platform.architecture
      ]
      ++ (if platform.variant or null == null then [ ] else [ platform.variant ])
    );
  wanted = {
    os = given os "linux";
    architecture = given arch goArchitecture;
    inherit variant;
  };
  # A manifest alone does not tell its platform.
  isWanted =
    told:
    !(told ? os)
    || told.os == wanted.os
    && told.architecture == wanted.architecture
    && (variant == null || told.variant or null == variant);
  isOnly = builtins.length lock.manifests == 1 && os == null && arch == null && variant == null;
  candidates = if isOnly then lock.manifests else builtins.filter isWanted lock.manifests;
  locked = map platformOf (builtins.filter (told: told ? os) lock.manifests);
  image =
    if builtins.length candidates == 1 then
      builtins.head candidates
    else
      throw "laminix: ${toString manifest} has ${
        if candidates == [ ] then "no manifest" else "several manifests"
      } for ${platformOf wanted}; it has ${builtins.concatStringsSep ", " locked}, to choose from with os, arch and variant";

  trust =
    (if tlsVerify then [ ] else [ "--no-tls-verify" ]) ++ (if plainHttp then [ "--plain-http" ] else [ ]);

  # Its name and its hash make its path: no word of the image is in either.
  fetchBlob =
    {
      hash,
      digest,
      size,
    }:
    build {
      name = "blob-${hash}";
      attributes = fetched "pullImageFromManifest" // {
        outputHash = hash;
        outputHashAlgo = "sha256";
        reference = "${source}@${digest}";
        inherit size trust;
      };
      script = ''
        export NODE_EXTRA_CA_CERTS=$certificates
        ${laminix} blob "$reference" --size "$size" --output "$out" --quiet "''${trust[@]}"
      '';
    };
  blobs = builtins.listToAttrs (
    map (blob: {
      name = blob.hash;
      value = fetchBlob blob;
    }) image.blobs
  );

  layout = build {
    name = given name (names.flat "image-${finalName}-${finalTag}");
    attributes = {
      preferLocalBuild = true;
      allowSubstitutes = false;
      imageName = finalName;
      imageTag = finalTag;
      imageDigest = image.digest;
      sourceURL = "docker://${source}@${image.digest}";
      inherit blobs;
      manifestHash = image.hash;
      manifestText = image.text;
      index = builtins.toJSON {
        schemaVersion = 2;
        mediaType = "application/vnd.oci.image.index.v1+json";
        manifests = [
          (
            {
              inherit (image) mediaType digest size;
              annotations = {
                "org.opencontainers.image.ref.name" = finalTag;
                "io.containerd.image.name" = "${names.whole finalName}:${finalTag}";
              };
            }
            // (
              if image ? os then
                {
                  platform = {
                    inherit (image) os architecture;
                  }
                  // (if image ? variant then { inherit (image) variant; } else { });
                }
              else
                { }
            )
          )
        ];
      };
    };
    script = ''
      mkdir -p "$out/blobs/sha256"
      for each in "''${!blobs[@]}"; do ln -s "''${blobs[$each]}" "$out/blobs/sha256/$each"; done
      printf %s "$manifestText" > "$out/blobs/sha256/$manifestHash"
      printf %s "$index" > "$out/index.json"
      printf %s '{"imageLayoutVersion":"1.0.0"}' > "$out/oci-layout"
    '';
  };

  update = updateLock {
    place = toString manifest;
    reference = "${source}:${
      given tag (throw "laminix: ${toString manifest} names no tag that an update could follow; give imageTag")
    }";
    platforms = locked;
    inherit trust;
  };
in
withPassthru layout (passthru // { inherit update; }) meta
