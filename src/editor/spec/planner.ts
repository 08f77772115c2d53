/** The process in which large plans are made. It ends with whoever started it. */
import { LaminixError } from "../../errors.js";
import { openAskedStore } from "../askedStore.js";
import { planSpec } from "./planSpec.js";
import type { Asked, Planned } from "./specLayers.js";

const end = new AbortController();
process.once("disconnect", () => {
  end.abort();
});
process.once("message", (asked) => {
  void answer(asked as Asked).then((planned) => {
    process.send?.(planned, () => {
      if (process.connected) process.disconnect();
    });
  });
});

async function answer({ spec, store: url }: Asked): Promise<Planned> {
  try {
    await using store = await openAskedStore(url);
    return { layers: await planSpec(spec, store, { signal: end.signal }) };
  } catch (error) {
    const { code, hint } = error instanceof LaminixError ? error : { code: "ERR_INTERNAL", hint: undefined };
    return { error: { code, message: error instanceof Error ? error.message : String(error), hint } };
  }
}
