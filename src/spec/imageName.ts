/** Names of images that follow from other names. */

/** A name that a repository can have, from that of a store path, which may have characters, and runs of them, that it may not. */
export function repositoryName(name: string): string {
  const words = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, (between) => (/^(?:\.|__?|-+)$/.test(between) ? between : "-"))
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return words || "image";
}
