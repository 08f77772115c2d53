#!/usr/bin/env node
import { listenForInterruption } from "./interruption.js";

const interruption = listenForInterruption();
// Progress and errors that nobody reads, or that have no room, are no reason to stop.
process.stderr.on("error", () => undefined);

// The rest is loaded only now: until somebody listens, a signal ends the program without an exit code of its own.
const [{ standardInput, standardOutput }, { main }] = await Promise.all([
  import("./io.js"),
  import("./main.js"),
]);
const status = await main(process.argv.slice(2), {
  stdin: standardInput(interruption.signal),
  stdout: standardOutput(interruption.signal),
  stderr: {
    isTerminal: process.stderr.isTTY && !process.env.CI && process.env.TERM !== "dumb",
    columns: process.stderr.columns || 80, // some terminals do not know their size
    write: (text) => {
      process.stderr.write(text);
    },
  },
  environment: process.env,
  signal: interruption.signal,
  signals: interruption,
});
// Not waiting for what is still open: a reader that has stalled would keep the process for ever.
process.exit(interruption.code ?? status);
