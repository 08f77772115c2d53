/** Neovim with the configuration of editors/neovim, without a screen. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bin } from "./languageClient.js";
import { projectRoot, run } from "./run.js";
import { temporaryFolder } from "./temporary.js";
import { type NeovimRelease, unpackedNeovim } from "./unpackedNeovim.js";

const configurations = path.join(projectRoot, "editors/neovim");

/** What a release runs with, and what a machine must have for it, in the words of `describeWith`. */
export const neovims = [
  { release: "installed", needs: ["nvim"], configuration: "laminix-0.7.lua" },
  { release: "trixie", needs: ["neovimTrixie"], configuration: "laminix-0.7.lua" },
  { release: "sid", needs: ["neovimSid"], configuration: "laminix.lua" },
] as const;

export interface NeovimOptions {
  readonly release: NeovimRelease;
  /** What `laminix lsp` gets besides. */
  readonly args: readonly string[];
  /** The name and the text of what is opened. */
  readonly file: readonly [name: string, text: string];
  /** Lua that comes before the configuration. */
  readonly before?: string;
  /** What is done in Lua, with `client` of editors/neovim/client.lua; it returns what the test gets. */
  readonly script: string;
  /** Whether it has a terminal: one of tmux, which tells what is on it. */
  readonly terminal?: boolean;
  /** Lua that ends Neovim, unless it quits. */
  readonly end?: string;
}

/** Runs the script in a Neovim that has opened the file, and that nobody else has configured. */
export async function inNeovim<T>(options: NeovimOptions): Promise<T> {
  await using folder = await temporaryFolder("neovim");
  const { configuration } = neovims.find(({ release }) => release === options.release)!;
  const program = options.release === "installed" ? "nvim" : unpackedNeovim(options.release);
  const at = (name: string): string => folder.join(name);
  mkdirSync(at("bin"));
  const started = [process.execPath, bin, '"$@"', ...options.args].join(" ");
  writeFileSync(at("bin/laminix"), `#!/bin/sh\necho $$ >>${at("servers")}\nexec ${started}\n`, {
    mode: 0o755,
  });
  writeFileSync(at(options.file[0]), options.file[1]);
  writeFileSync(
    at("init.lua"),
    `${options.before ?? ""}\n${readFileSync(path.join(configurations, configuration), "utf8")}`,
  );
  writeFileSync(
    at("script.lua"),
    `local client = dofile(${JSON.stringify(path.join(configurations, "client.lua"))})
     local function script()
       ${options.script}
     end
     local ok, result = pcall(script)
     local text = vim.json.encode({ ok = ok, result = result })
     vim.fn.writefile({ text }, ${JSON.stringify(at("result.json"))})
     ${options.end ?? "vim.cmd('qa!')"}`,
  );
  const args = [
    ...(options.terminal ? [] : ["--headless"]),
    "-i",
    "NONE",
    "-n",
    "-u",
    "init.lua",
    options.file[0],
    "-S",
    "script.lua",
  ];
  const session = `stty rows 18 cols 80; tmux -u -L ${path.basename(folder.path)} -f /dev/null new-session "${[program, ...args].join(" ")}"`;
  const onTerminal = ["script", "-qec", session, "/dev/null"] as const;
  const [first, ...rest] = options.terminal ? onTerminal : ([program, ...args] as const);
  const { stderr, stdout, timedOut } = await run(first, rest, {
    cwd: folder.path,
    timeout: 30_000,
    env: {
      TERM: "xterm",
      PATH: `${at("bin")}:${process.env["PATH"]}`,
      HOME: folder.path,
      ...Object.fromEntries(
        ["CONFIG", "DATA", "STATE", "CACHE"].map((name) => [`XDG_${name}_HOME`, at(name.toLowerCase())]),
      ),
    },
  });
  const said = `${stdout.toString()}${stderr}`;
  if (!existsSync(at("result.json"))) {
    throw new Error(`Neovim ended without a result${timedOut ? " in time" : ""}: ${said}`);
  }
  const { ok, result } = JSON.parse(readFileSync(at("result.json"), "utf8")) as { ok: boolean; result: T };
  if (!ok) throw new Error(`in Neovim: ${String(result)}\n${said}`);
  return result;
}
