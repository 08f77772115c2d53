/** Waiting until a container is removed, through restarts of its engine. */
import { abortScope } from "../../abort.js";
import { LaminixError } from "../../errors.js";
import { isPassingStatus, mayPass, Patience } from "../../http/retry.js";
import type { EngineClient } from "../../transports/engine/client.js";
import { awaitRemoval, findContainer } from "./containers.js";
import type { HeldContainer } from "./heldFolder.js";
import { engineIdentity } from "./identity.js";

/** An engine may be stopped for as long as its owner likes. */
const PATIENCE = { attempts: Infinity, firstPause: 250 };
/**
 * Milliseconds. Then the engine is asked again whether it has the container: a line may be dead and nobody tells, and
 * podman may have been told to keep no events.
 */
const SILENCE = 300_000;
/** Milliseconds after which a stream counts as one that worked. */
const LASTING = 10_000;

/**
 * Resolves when the engine does not have the container any more, whether it said so at the time or not.
 * @throws {LaminixError} ERR_ENGINE where it refuses to tell, and the signal's reason
 */
export async function untilRemoved(
  client: EngineClient,
  held: HeldContainer,
  signal: AbortSignal,
): Promise<void> {
  const patience = new Patience(PATIENCE, signal);
  for (;;) {
    const started = performance.now();
    try {
      await seeRemoved(client, held, signal);
      return;
    } catch (error) {
      if (performance.now() - started > LASTING) patience.progressed();
      await patience.afterFailure(passing(error));
    }
  }
}

/** Asks, and then listens from the moment of the answer on, so that nothing happens in between. */
async function seeRemoved(client: EngineClient, held: HeldContainer, outer: AbortSignal): Promise<void> {
  // Cuts a stream that is given up.
  using scope = abortScope(outer);
  const { signal } = scope;
  const { container: id, engineId } = held;
  const found = await findContainer(client, id, { signal });
  if (!found) {
    if ((await engineIdentity(client, signal)) === engineId) return;
    throw client.refusal(`it is not the engine any more that had the container ${held.name}`);
  }
  const moment = Date.parse(found.date ?? "");
  const since = Number.isNaN(moment) ? undefined : Math.floor(moment / 1000);
  if (!(await awaitRemoval(client, id, { since, silence: SILENCE, signal }))) throw ended(client);
}

function ended({ host: { engine, name } }: EngineClient): LaminixError {
  return new LaminixError("ERR_ENGINE_UNREACHABLE", `${engine} at ${name} has ended its stream of events`, {
    details: { engine, host: name },
  });
}

/** While an engine starts, its socket is not there, or not yet open to us; all of that passes. */
function passing(error: unknown): unknown {
  if (!(error instanceof LaminixError)) return error;
  const { code, details } = error;
  const passes =
    code === "ERR_ENGINE_UNREACHABLE" || (code === "ERR_ENGINE" && isPassingStatus(Number(details.status)));
  return passes ? mayPass(error) : error;
}
