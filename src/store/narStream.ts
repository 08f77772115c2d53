/** A path's NAR from a daemon. */
import { createHash } from "node:crypto";
import { LaminixError } from "../errors.js";
import type { CallOptions, Connection } from "./connection.js";
import type { StorePath } from "./storePath.js";

/** Chunks that are on their way while one is being used. */
const AHEAD = 4;

/**
 * The NAR in pieces of some hundred KiB. Its path is held meanwhile, and what came is compared with what the store says
 * of it: inside a file an error of the daemon cannot be told from the file's bytes.
 * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_NAR_HASH
 */
export async function* readNar(
  connection: Connection,
  path: StorePath,
  options: CallOptions,
): AsyncGenerator<Buffer> {
  const held = connection.call((native) => native.ask("addTempRoot", { path }), options);
  const [info] = await Promise.all([
    connection.call((native) => native.ask("pathInfo", { path }), options),
    held,
  ]);
  if (!info) {
    throw new LaminixError("ERR_PATH_NOT_VALID", `${path} is not valid in the store`, {
      details: { path },
      hint: "build or fetch it first, for example with nix-store --realise",
    });
  }
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of chunksOf(connection, path, options)) {
    hash.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  const narHash = hash.digest("hex");
  if (size === info.narSize && narHash === info.narHash) return;
  throw new LaminixError(
    "ERR_NAR_HASH",
    `the daemon sent a NAR of ${path} that is not the one it describes`,
    {
      details: {
        path,
        expected: info.narHash,
        actual: narHash,
        expectedSize: info.narSize,
        actualSize: size,
      },
      hint: "`nix-store --verify-path` tells whether the path is damaged",
    },
  );
}

async function* chunksOf(
  connection: Connection,
  path: StorePath,
  options: CallOptions,
): AsyncGenerator<Buffer> {
  const chunks: Buffer[] = [];
  const state = { ended: false, wake: (): void => undefined };
  let want = (): void => undefined;
  const done = connection.call((native) => {
    const nar = native.nar(path, (chunk) => {
      chunks.push(chunk);
      state.wake();
    });
    want = nar.want.bind(nar);
    return nar;
  }, options);
  const end = (): void => {
    state.ended = true;
    state.wake();
  };
  done.then(end, end);

  for (let i = 0; i < AHEAD; i++) want();
  for (;;) {
    const chunk = chunks.shift();
    if (chunk) {
      yield chunk;
      want();
    } else if (state.ended) {
      await done;
      return;
    } else {
      await new Promise<void>((resolve) => (state.wake = resolve));
    }
  }
}
