/** The tar that a root on the disk is read from. */

/** Names in order, owners by number, and the attributes that a file keeps on other machines. */
export const TAR_OPTIONS: readonly string[] = [
  ...["--create", "--format=pax", "--sort=name", "--numeric-owner", "--hard-dereference"],
  ...["--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"],
];

export const TAR_HINT = "the image's files are read with GNU tar: install it";
