import { existsSync } from "node:fs";
import { startInBackground } from "./background.js";
import { imageTools, type ImageTools, type ImageToolsOptions } from "./imageTools.js";

export interface PodmanEngine extends AsyncDisposable {
  readonly host: string;
  readonly socket: string;
  /** Runs `podman` on the same images; rejects unless it succeeds. */
  readonly podman: ImageTools["podman"];
}

/** Starts podman's service with images of its own. It loads and inspects them; running containers takes more than it has. */
export async function startPodmanEngine(options: ImageToolsOptions = {}): Promise<PodmanEngine> {
  const tools = await imageTools(options);
  const socket = tools.join("podman.sock");
  const host = `unix://${socket}`;
  const service = await startInBackground(
    "podman",
    [...tools.storage, "system", "service", "--time", "0", host],
    {
      env: { ...process.env, ...tools.env },
      logFile: tools.join("podman.log"),
      isReady: () => Promise.resolve(existsSync(socket)),
    },
  );
  return {
    host,
    socket,
    podman: tools.podman,
    [Symbol.asyncDispose]: async () => {
      await service.stop();
      await tools[Symbol.asyncDispose]();
    },
  };
}
