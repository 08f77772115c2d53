/** Programs that are started by their names. */
import { inPath } from "../../files/inPath.js";
import { FAKEROOT_HINT, PROOT_HINT } from "../../root/fakeroot.js";
import { type Check, ok } from "./check.js";

const program = (name: string, neededFor: string, todo: string): Check => ({
  feature: name,
  neededFor,
  look: () => {
    const file = inPath(name);
    return file === undefined ? { status: "missing", found: `${name} is not in PATH`, todo } : ok(file);
  },
});

export const ssh = program("ssh", "stores on other machines: ssh-ng://", "install OpenSSH's client");

export const fakeroot: readonly Check[] = [
  program("fakeroot", "fakeRootCommands", FAKEROOT_HINT),
  program("proot", "enableFakechroot", PROOT_HINT),
];
