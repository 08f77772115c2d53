/** A path's NAR from a daemon. */
import { verifyNar } from "../nar/verify.js";
import type { CallOptions, Connection } from "./connection.js";
import { notValid, toPathInfo } from "./pathInfo.js";
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
): AsyncGenerator<Uint8Array> {
  const held = connection.call((native) => native.ask("addTempRoot", { path }), options);
  const [info] = await Promise.all([
    connection.call((native) => native.ask("pathInfo", { path }), options),
    held,
  ]);
  if (!info) throw notValid(path);
  const { narHash, narSize } = toPathInfo(path, info);
  yield* verifyNar(chunksOf(connection, path, options), { narHash, narSize }, { ...options, name: path });
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
