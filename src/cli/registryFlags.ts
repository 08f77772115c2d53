/** The flags that say how a registry is asked, and which of its images is meant. */
import { existsSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { parsePlatform, type Platform } from "../image/platform.js";
import { platformAsked } from "../manifests/platform.js";
import { DOCKER, parseReference } from "../manifests/reference.js";
import type { Registries } from "../transports/registry/registries.js";
import type { Io } from "./io.js";
import { underHeading } from "./options.js";
import { withInput } from "./standardInput.js";
import type { UnpackFlag } from "./unpackFlag.js";

export interface TrustFlags {
  readonly tlsVerify: boolean;
  readonly plainHttp?: boolean;
}

export function withTrustFlags(command: Command): Command {
  return underHeading(command, "Registry:", (own) =>
    own
      .option("--no-tls-verify", "do not verify the registry's certificate")
      .option("--plain-http", "use http for the registry"),
  );
}

export interface PlatformFlags {
  readonly os?: string;
  readonly arch?: string;
  readonly variant?: string;
}

export function withPlatformFlags(command: Command): Command {
  return underHeading(command, "Which platform's image, where there are several:", (own) =>
    own
      .option("--os <OS>", "the image's operating system (default: linux)")
      .option("--arch <ARCH>", "the image's architecture: amd64, arm64, … (default: this machine's)")
      .option("--variant <VARIANT>", "the architecture's variant, such as v7"),
  );
}

/** `undefined` where no flag says anything. */
export function platformIn({ os, arch, variant }: PlatformFlags): Platform | undefined {
  return platformAsked({ os, architecture: arch, variant });
}

/** For `argParser`: a platform by its name, perhaps one of several. */
export function platformArgument(text: string, before: readonly Platform[] = []): Platform[] {
  const platform = parsePlatform(text);
  if (platform) return [...before, platform];
  throw new InvalidArgumentError("It must be OS/ARCH or OS/ARCH/VARIANT, such as linux/arm/v7.");
}

/**
 * Registries, for as long as `use` runs. The flags hold for those that the references are in, and for no other.
 * @param references those that are malformed are told of where they are used
 */
export async function withRegistries<T>(
  references: readonly string[],
  { tlsVerify, plainHttp }: TrustFlags,
  { environment }: Pick<Io, "environment">,
  use: (registries: Registries) => Promise<T>,
): Promise<T> {
  const { Registries } = await import("../transports/registry/registries.js");
  const names = references.flatMap((reference) => registryOf(reference) ?? []);
  const exceptions = Object.fromEntries(names.map((name) => [name, { tlsVerify, plainHttp }]));
  await using registries = new Registries({ environment, exceptions });
  return await use(registries);
}

/** Those that a spec, or the flags for one, names in registries. */
export function imagesIn({
  fromImage,
  previous,
  history = [],
}: {
  readonly fromImage?: unknown;
  readonly previous?: unknown;
  readonly history?: readonly unknown[] | undefined;
}): string[] {
  return [fromImage, previous, ...history].filter(
    (name): name is string => typeof name === "string" && name.startsWith(DOCKER),
  );
}

/** What `openImages` opens: a file or a folder where there is one, and otherwise what may be the name of an image. */
export function imagePlace(argument: string): string {
  const isPath = /^[./~]|\.(?:tar|tgz|gz|zst|xz|bz2|json)$/.test(argument) || existsSync(argument);
  if (isPath || argument.startsWith(DOCKER) || registryOf(argument) === undefined) return argument;
  return `${DOCKER}${argument}`;
}

/** What one argument names, for `openImages`, as long as `use` runs; standard input may be it. */
export async function withImagePlace<T>(
  io: Io,
  argument: string,
  options: TrustFlags & UnpackFlag,
  use: (place: string, registries: Registries) => Promise<T>,
): Promise<T> {
  return withInput(io, [argument], options, ([arg = ""]) => {
    const place = imagePlace(arg);
    return withRegistries([place], options, io, (registries) => use(place, registries));
  });
}

function registryOf(reference: string): string | undefined {
  try {
    return parseReference(reference.replace(DOCKER, "")).registry;
  } catch {
    return undefined;
  }
}
