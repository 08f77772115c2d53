#!/usr/bin/env node
import { standardOutput } from "./io.js";
import { main } from "./main.js";

const controller = new AbortController();
const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
let interrupted: number | undefined;
for (const [name, code] of Object.entries(codes)) {
  process.once(name, () => {
    interrupted = code;
    controller.abort(new DOMException(`interrupted by ${name}`, "AbortError"));
  });
}

const status = await main(process.argv.slice(2), {
  stdout: standardOutput(controller.signal),
  stderr: {
    isTerminal: process.stderr.isTTY && !process.env.CI && process.env.TERM !== "dumb",
    columns: process.stderr.columns || 80, // some terminals do not know their size
    write: (text) => {
      process.stderr.write(text);
    },
  },
  environment: process.env,
  signal: controller.signal,
});
// Not waiting for what is still open: a reader that has stalled would keep the process for ever.
process.exit(interrupted ?? status);
