/** The image in which a derivation can be built by hand. */
import { dirname } from "node:path";
import { LaminixError } from "../../errors.js";
import { baseName, storeDirOf, toStorePath } from "../../store/storePath.js";
import { repositoryName } from "../../manifests/reference.js";
import { binSh } from "../../spec/pieces/binSh.js";
import { fakeNss } from "../../spec/pieces/fakeNss.js";
import type { Piece } from "../../spec/pieces/piece.js";
import { usrBinEnv } from "../../spec/pieces/usrBinEnv.js";
import { buildEnvironment } from "./environment.js";
import { checkNixShellOptions, type NixShellOptions } from "./options.js";
import { BUILD_FOLDER, INPUTS, PROGRAMS, RCFILE } from "./places.js";
import { buildProgram, rcfile } from "./rcfile.js";
import type { ShellDerivation } from "./shellDerivation.js";

/** An `ImageSpec`. */
export interface NixShellSpec {
  name: string;
  tag: string | null;
  strategy: "auto";
  architecture?: string;
  contents: Piece[];
  config: Record<string, unknown>;
  perms: { path: string; uid: number; gid: number }[];
  /** What is to be built: the image names it, and does not have it. */
  namedOnly: string[];
}

/**
 * @throws {ArgumentError} ERR_ARGUMENT
 * @throws {LaminixError} ERR_UNSUPPORTED for structured attributes, builders that are no programs, other systems than
 *   Linux, a builder that is no bash where no shell is given, and both `command` and `run`; ERR_DERIVATION
 */
export function shellSpec(
  derivation: ShellDerivation,
  options: NixShellOptions,
  { storeDir }: { readonly storeDir: string },
): NixShellSpec {
  checkNixShellOptions(options);
  const { name, builder, args } = derivation;
  if (builder.startsWith("builtin:")) throw unsupported(name, "is built by Nix itself, without a program");
  const { uid = 1000, gid = 1000, homeDirectory = BUILD_FOLDER, run, command } = options;
  const architecture = architectureOf(derivation);
  const { variables, files } = buildEnvironment(derivation, { homeDirectory, storeDir });
  const shell = options.shell ?? bashOf(derivation);
  const path = [PROGRAMS, dirname(shell)];
  const own: Piece = {
    files: {
      [RCFILE]: { text: rcfile({ shell, path, command: command ?? run }) },
      [`${PROGRAMS}/buildDerivation`]: { text: buildProgram(shell, builder, args), mode: "0755" },
      [INPUTS]: { text: derivation.inputs.map((input) => `${input}\n`).join("") },
      ...files,
      [BUILD_FOLDER]: { folder: true },
      // A store that the user owns, as after an installation of Nix for one user.
      [storeDir]: { folder: true },
      "/nix/var/nix": { folder: true },
      "/etc/nix": { folder: true },
    },
  };
  return {
    name: options.name ?? repositoryName(`${name}-env`),
    tag: options.tag ?? null,
    // nixpkgs' layers, as Nix's functions promise them.
    strategy: "auto",
    ...(architecture !== undefined && { architecture }),
    contents: [
      binSh(options.binSh ?? shell),
      ...(options.usrBinEnv === undefined ? [] : [usrBinEnv(options.usrBinEnv)]),
      fakeNss({
        extraPasswdLines: [`nixbld:x:${uid}:${gid}:Build user:${homeDirectory}:/noshell`],
        extraGroupLines: [`nixbld:x:${gid}:`],
      }),
      own,
    ],
    config: {
      Cmd: run === undefined ? [shell, "--rcfile", RCFILE] : [shell, RCFILE],
      User: `${uid}:${gid}`,
      WorkingDir: BUILD_FOLDER,
      Env: [...variables].map(([key, value]) => `${key}=${value}`).sort(),
    },
    perms: [BUILD_FOLDER, storeDir, "/nix/var", "/etc/nix"].map((owned) => ({ path: owned, uid, gid })),
    namedOnly: derivation.outputs.filter((output) => output.startsWith(`${storeDir}/`)),
  };
}

/** Bash reads an rcfile when it is called by its name, and none when it is called `sh`. */
function bashOf({ name, builder }: ShellDerivation): string {
  if (/\/bash$/.test(builder)) return builder;
  const isBash =
    builder.endsWith("/bin/sh") &&
    storeDirOf(builder) !== undefined &&
    /^.{32}-bash(?:-|$)/.test(baseName(toStorePath(builder)));
  if (isBash) return `${dirname(builder)}/bash`;
  throw new LaminixError(
    "ERR_UNSUPPORTED",
    `the builder of ${name}, ${builder}, is no bash that could be its shell`,
    {
      details: { name, builder },
      hint: "name a bash with the option shell (--shell), such as /nix/store/…-bash-interactive/bin/bash",
    },
  );
}

/** By Go's name; `undefined` where Nix's name is not known here. */
function architectureOf({ name, system }: ShellDerivation): string | undefined {
  if (system === undefined) return undefined;
  const [, machine = system, kernel] = /^(.*)-([^-]+)$/.exec(system) ?? [];
  if (kernel !== undefined && kernel !== "linux")
    throw unsupported(name, `is for ${system}, and containers run Linux`);
  const names: Readonly<Record<string, string>> = {
    x86_64: "amd64",
    aarch64: "arm64",
    i686: "386",
    armv6l: "arm",
    armv7l: "arm",
    powerpc64le: "ppc64le",
    riscv64: "riscv64",
    s390x: "s390x",
    loongarch64: "loong64",
  };
  return Object.hasOwn(names, machine) ? names[machine] : undefined;
}

function unsupported(name: string, why: string): LaminixError {
  return new LaminixError("ERR_UNSUPPORTED", `no shell can be made of ${name}: it ${why}`, {
    details: { name },
  });
}
