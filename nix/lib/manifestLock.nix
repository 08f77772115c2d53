# Reads a lock that `laminix lock` has written, or a manifest alone. What could not be fetched is refused here, before
# anything is built.
file:
let
  name = toString file;
  fail = why: throw "laminix: ${name} ${why}";
  parsed =
    what: text:
    builtins.addErrorContext "while reading ${what}, which is not JSON that Nix can read" (builtins.fromJSON text);
  text = builtins.readFile file;
  document = parsed name text;

  has = pattern: type: builtins.isString type && builtins.match pattern type != null;
  isIndex = has "application/vnd\\.(oci\\.image\\.index\\.v1|docker\\.distribution\\.manifest\\.list\\.v2)\\+json";
  isManifest = has "application/vnd\\.(oci\\.image\\.manifest\\.v1|docker\\.distribution\\.manifest\\.v2)\\+json";
  isConfig = has "application/vnd\\.(oci\\.image\\.config\\.v1|docker\\.container\\.image\\.v1)\\+json";
  isLayer = has "application/vnd\\.(oci\\.image\\.layer\\.v1|docker\\.image\\.rootfs\\.diff)\\.tar([+.](gzip|zstd))?";
  isForeign = has "application/vnd\\.(oci\\.image\\.layer\\.nondistributable|docker\\.image\\.rootfs\\.foreign)\\..*";

  # Bytes, at the most; laminix itself has the same limits.
  largestConfig = 16777216;
  largestLayer = 68719476736;

  hashIn =
    what: digest:
    let
      parts = if builtins.isString digest then builtins.match "sha256:([0-9a-f]{64})" digest else null;
    in
    if parts == null then
      fail "has a ${what} whose digest is ${builtins.toJSON digest}; it must be sha256: and 64 hexadecimal digits"
    else
      builtins.head parts;

  blob =
    what: isKnown: largest: descriptor:
    let
      type = descriptor.mediaType or "";
      size = descriptor.size or null;
      digest = descriptor.digest or null;
    in
    if isForeign type then
      fail "has a non-distributable layer, which registries do not store: ${toString digest}"
    else if !isKnown type then
      fail "has a ${what} of type ${builtins.toJSON type}, which no image has"
    else if !builtins.isInt size || size < 0 then
      fail "has a ${what} whose size is not a number of bytes: ${builtins.toJSON size}"
    else if size > largest then
      fail "has a ${what} of ${toString size} bytes, where ${toString largest} are allowed"
    else
      {
        hash = hashIn what digest;
        inherit digest size;
      };

  # A manifest out of its text, and what a lock tells about it.
  manifestIn =
    told: text:
    let
      manifest = parsed "a manifest in ${name}" text;
      hash = builtins.hashString "sha256" text;
      digest = "sha256:${hash}";
      mediaType =
        manifest.mediaType or told.mediaType or "application/vnd.oci.image.manifest.v1+json";
      layers = if manifest.layers or null == null then [ ] else manifest.layers;
    in
    if manifest ? manifests || isIndex mediaType then
      fail "has an index of several platforms in place of a manifest; `laminix lock` takes the manifests out of it"
    else if !isManifest mediaType then
      fail "has a manifest of type ${builtins.toJSON mediaType}, which no image has"
    else if told.digest or digest != digest then
      fail "has a manifest whose digest is ${digest}, and not ${told.digest}: it has been changed, so lock it again"
    else
      told
      // {
        inherit
          text
          hash
          digest
          mediaType
          ;
        size = builtins.stringLength text;
        blobs = [
          (blob "configuration" isConfig largestConfig (manifest.config or { }))
        ]
        ++ map (blob "layer" isLayer largestLayer) layers;
      };

  entry =
    told:
    if told ? os && told ? architecture && told ? digest && builtins.isList (told.manifest or null) then
      manifestIn (removeAttrs told [ "manifest" ]) (builtins.concatStringsSep "\n" told.manifest)
    else
      fail "is not a lock: an entry of its manifests needs os, architecture, digest and the lines of the manifest";
in
if !builtins.isAttrs document then
  fail "is neither a lock nor a manifest"
else if !(document ? lockVersion) then
  { manifests = [ (manifestIn { } text) ]; }
else if document.lockVersion != 1 then
  fail "has lockVersion ${builtins.toJSON document.lockVersion}, where 1 is known; use the laminix that wrote it"
else if builtins.isList (document.manifests or null) && document.manifests != [ ] then
  document // { manifests = map entry document.manifests; }
else
  fail "is not a lock: it has no manifests"
