/** Which engine it is that answers. */
import { textIn } from "../../image/fields.js";
import type { EngineClient } from "../../transports/engine/client.js";

/**
 * What tells an engine from others that the same address may lead to, such as one in a container whose home is the host's.
 * Docker has an ID; podman, which makes up another one for each answer, is known by its machine's name. The folder of its
 * data goes with both.
 * @throws {LaminixError} ERR_ENGINE, ERR_ENGINE_UNREACHABLE
 */
export async function engineIdentity(client: EngineClient, signal: AbortSignal | undefined): Promise<string> {
  const answer = await client.request({ method: "GET", path: "info", expect: [200], signal });
  const isPodman = answer.header("libpod-api-version") !== undefined;
  const json = await client.json(answer);
  const [id, name, data] = [textIn(json, "ID"), textIn(json, "Name"), textIn(json, "DockerRootDir")];
  const own = isPodman ? name : (id ?? name);
  if (own === undefined || data === undefined) throw client.refusal("it does not say which engine it is");
  return `${own} ${data}`;
}
