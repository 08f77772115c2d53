# The layer of the image's root: a folder with layer.tar and its checksum.
{ specified, names }:
{ name, ... }@spec:
specified {
  name = "${baseNameOf name}-customisation-layer";
  command = "customise";
  spec = spec // {
    contents = names.toList spec.contents;
    copyToRoot = names.toList spec.copyToRoot;
    # The time of the build would make every build differ.
    mtime = if spec.mtime == "now" then "@0" else spec.mtime;
  };
}
