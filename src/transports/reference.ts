/** What images are called. Grammar: distribution's reference, "Reference" and "Familiar names". */

/** Whether an engine takes it as an image's tag: a repository and a tag. */
export function isTagged(reference: string): boolean {
  return /^(?:[^/@\s]+\/)*[^/:@\s]+:\w[\w.-]{0,127}$/.test(reference);
}

/** The whole name of what may be short for it: `nginx:1` is `docker.io/library/nginx:1`. */
export function wholeReference(reference: string): string {
  const [first = "", ...rest] = reference.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const registry = !hasRegistry || first === "index.docker.io" ? "docker.io" : first;
  const repository = hasRegistry ? rest : [first, ...rest];
  const official = registry === "docker.io" && repository.length === 1;
  return [registry, ...(official ? ["library"] : []), ...repository].join("/");
}
