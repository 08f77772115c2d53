# Image names and tags.
let
  letters = text: builtins.genList (i: builtins.substring i 1 text) (builtins.stringLength text);
in
{
  # A repository's name is in lower case.
  toLower = builtins.replaceStrings (letters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (
    letters "abcdefghijklmnopqrstuvwxyz"
  );

  # A name with its registry, as engines complete it: `debian` is `docker.io/library/debian`.
  whole =
    name:
    let
      parts = builtins.match "([^/]*)/.*" name;
      first = builtins.head parts;
    in
    if parts == null then
      "docker.io/library/${name}"
    else if first == "localhost" || builtins.match ".*[.:].*" first != null then
      name
    else
      "docker.io/${name}";

  # A name as part of a store path's.
  flat =
    builtins.replaceStrings
      [
        "/"
        ":"
        "["
        "]"
      ]
      [
        "-"
        "-"
        ""
        ""
      ];

  # The default tag: the hash part of the path that the image is made from. It is plain text without context, so that
  # knowing the tag does not require building the image.
  hashOf = drv: builtins.substring 0 32 (baseNameOf (builtins.unsafeDiscardStringContext drv.outPath));

  # For parameters that take a list or a single item.
  toList = value: if builtins.isList value then value else [ value ];
}
