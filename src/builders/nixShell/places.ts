/** Where the files of a shell are in its image. */

/** Where a build works, as in Nix's sandbox. */
export const BUILD_FOLDER = "/build";

const FOLDER = "/usr/lib/nix-shell";
/** What the shell reads first. */
export const RCFILE = `${FOLDER}/rcfile`;
/** Programs for the shell. */
export const PROGRAMS = `${FOLDER}/bin`;
/** Values of variables that are passed as files. */
export const ATTRIBUTES = `${FOLDER}/attributes`;
/** The store paths that the derivation needs, a line each: what is named in the image is in it. */
export const INPUTS = `${FOLDER}/inputs`;
