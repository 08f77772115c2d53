# Names of images, and what is told from names.
let
  letters = text: builtins.genList (i: builtins.substring i 1 text) (builtins.stringLength text);
in
{
  # A repository is in small letters.
  toLower = builtins.replaceStrings (letters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (
    letters "abcdefghijklmnopqrstuvwxyz"
  );

  # The tag of an image that is given none: the hash in the path of what it is made of. A tag is a mere text, so that
  # knowing it does not mean having built the image.
  hashOf = drv: builtins.substring 0 32 (baseNameOf (builtins.unsafeDiscardStringContext drv.outPath));

  # For parameters that take a list, or one of its items.
  toList = value: if builtins.isList value then value else [ value ];
}
