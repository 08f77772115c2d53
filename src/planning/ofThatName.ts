/** Of several images, or plans of several, the one that is called as the image that is planned. */
import { LaminixError, named } from "../errors.js";
import { familiarReference } from "../manifests/reference.js";

export interface Named<T> {
  /** Repositories, with tags or without. */
  readonly names: readonly string[];
  readonly value: T;
}

/** What messages have. */
interface Asking {
  /** Of the image that is planned. */
  readonly name: string;
  /** What has them all. */
  readonly where: string;
  /** Of the spec. */
  readonly key: string;
  /** How to give one by itself. */
  readonly hint: string;
}

/**
 * @param all if there is but one, it need not be called so
 * @throws {LaminixError} ERR_SPEC where none is called so, or several are
 */
export function ofThatName<T>(all: readonly Named<T>[], { name, where, key, hint }: Asking): T {
  const wanted = repositoryOf(name);
  const called = all.length === 1 ? all : all.filter(({ names }) => names.map(repositoryOf).includes(wanted));
  const [only] = called;
  if (only && called.length === 1) return only.value;
  const names = all.map((each) => each.names.map(named).join(" ") || "one without a name");
  const how = only ? "more than one of them is" : "none of them is";
  const message =
    names.length === 0
      ? `${where} has no images`
      : `${where} has several images, and ${how} called ${name}: ${names.join(", ")}`;
  throw new LaminixError("ERR_SPEC", message, { details: { key, name, names }, hint });
}

function repositoryOf(name: string): string {
  return familiarReference(name.toLowerCase().replace(/:[^/:]*$/, ""));
}
