/** What a dead process has left of a script in a namespace: files of subordinate ids, which a namespace can remove. */
import { run } from "../process/run.js";
import { mappingOf } from "./mapping.js";

/** Removes folders as far as it can. */
export async function removeMapped(folders: readonly string[], signal?: AbortSignal): Promise<void> {
  const mapping = mappingOf();
  if (mapping.kind !== "subordinate") return;
  try {
    await run("unshare", [...mapping.arguments, "--", "rm", "-rf", "--", ...folders], {
      ...(signal && { signal }),
    });
  } catch {
    signal?.throwIfAborted(); // else the next start tries again
  }
}
