/** Work that ends by itself, or is ended. */
import { abortScope } from "../abort.js";
import { LaminixError } from "../errors.js";

export interface Limited extends Disposable {
  readonly signal: AbortSignal;
}

/** @param seconds after which the work's signal aborts with ERR_SCRIPT_TIME */
export function limited(seconds: number, signal: AbortSignal | undefined): Limited {
  const scope = abortScope(signal);
  const timer = setTimeout(() => {
    scope.abort(
      new LaminixError("ERR_SCRIPT_TIME", `runAsRoot was not done after ${String(seconds)} seconds`, {
        details: { script: "runAsRoot", timeLimit: seconds },
        hint: "give it more with timeLimit",
      }),
    );
  }, seconds * 1000);
  return {
    signal: scope.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      scope[Symbol.dispose]();
    },
  };
}
