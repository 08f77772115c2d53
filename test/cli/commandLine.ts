import { Readable } from "node:stream";
// Threads are started from compiled files.
import { main } from "../../dist/cli/main.js";

export interface Outcome {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Situation {
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Whether input and outputs are a terminal. */
  readonly isTerminal?: boolean;
  /** Standard input. */
  readonly input?: string | Uint8Array;
  /** Whether standard error is one and standard output is none. */
  readonly stderrOnly?: boolean;
  /** In place of keeping what is written to standard output. */
  readonly write?: (data: Uint8Array | string) => Promise<void>;
}

/** Runs a command line in this process. */
export async function runMain(
  argv: readonly string[],
  {
    environment = {},
    signal = new AbortController().signal,
    isTerminal = false,
    input = "",
    stderrOnly = false,
    write,
  }: Situation = {},
): Promise<Outcome> {
  const stdout: Buffer[] = [];
  let stderr = "";
  const keep = (data: Uint8Array | string): Promise<void> => {
    stdout.push(Buffer.from(data as Uint8Array));
    return Promise.resolve();
  };
  const code = await main(argv, {
    stdin: { isTerminal, pieces: () => Readable.from([Buffer.from(input)]) },
    stdout: { isTerminal, write: write ?? keep },
    stderr: {
      isTerminal: isTerminal || stderrOnly,
      columns: 80,
      write: (text) => {
        stderr += text;
      },
    },
    environment,
    signal,
  });
  return { code, stdout: Buffer.concat(stdout), stderr };
}
