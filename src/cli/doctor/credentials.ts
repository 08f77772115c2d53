/** Logins to registries: for which, and which program keeps them. Of a secret nothing is read but that it is there. */
import { inPath } from "../../files/inPath.js";
import { redactUrl } from "../../redact.js";
import { type KnownLogins, knownLogins } from "../../transports/registry/credentials.js";
import { type Check, type Found, ok } from "./check.js";

export const credentials: Check = {
  feature: "registry credentials",
  neededFor: "push, and images that are not public",
  look: ({ environment }): Found => {
    const files = knownLogins(environment).filter(hasSome);
    if (files.length === 0) {
      const found = "none: only public images can be read";
      return { status: "missing", found, todo: "log in: docker login, podman login or skopeo login" };
    }
    const found = files.map(described).join("; ");
    const absent = files.flatMap(programsOf).filter((program) => inPath(program) === undefined);
    if (absent.length === 0) return ok(found);
    return {
      status: "limited",
      found,
      todo: `install ${[...new Set(absent)].join(", ")}, or add its folder to PATH`,
    };
  },
};

function hasSome(logins: KnownLogins): boolean {
  return logins.written.length > 0 || programsOf(logins).length > 0;
}

function programsOf({ helped, store }: KnownLogins): string[] {
  return [...helped.map(({ program }) => program), ...(store === undefined ? [] : [store])];
}

function described({ file, written, helped, store }: KnownLogins): string {
  const logins = [
    ...written.map((server) => redactUrl(server)),
    ...helped.map(({ server, program }) => `${redactUrl(server)} by ${program}`),
    ...(store === undefined ? [] : [`others by ${store}`]),
  ];
  return `${logins.join(", ")} in ${file}`;
}
