/** Container engines that listen on this machine. */
import { objectIn, textIn } from "../../image/fields.js";
import { EngineClient } from "../../transports/engine/client.js";
import { type Engine, ENGINES } from "../../transports/engine/engines.js";
import { engineHost } from "../../transports/engine/host.js";
import { type Check, type Found, ok } from "./check.js";

export const engines: readonly Check[] = ENGINES.map((engine) => ({
  feature: engine,
  neededFor: `load, hold, run --with ${engine}, mounts of ${engine}`,
  look: async ({ environment, signal }) => {
    const host = engineHost({ engine, environment });
    if (host.socket === undefined) return remote(engine, host.name);
    await using client = new EngineClient(host, { environment });
    const answer = await client.request({ method: "GET", path: "version", expect: [200], signal });
    const facts = await client.json(answer);
    const name = textIn(objectIn(facts, "Platform"), "Name");
    return ok(`${name ?? engine} ${textIn(facts, "Version") ?? ""}`.trim() + `, at ${host.name}`);
  },
}));

function remote(engine: Engine, name: string): Found {
  return {
    status: "unknown",
    found: `${name} is reached over the network, which is not used here`,
    todo: `${engine} version asks it`,
  };
}
