import type { Command } from "commander";
import { redactUrl } from "../../redact.js";
import type { StoreDocument } from "../documents/closures.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withDaemon } from "../options.js";
import { Report } from "../report.js";

const help = `
With --json: {"url","storeDir","version","protocol","trusted","features":[…],"warnings":[…]}.

Examples:
  laminix store
  laminix store --store ssh-ng://builder.example`;

export function store(io: Io): Command {
  const own = command("store", "show the store's directory and version, and whether it trusts you");
  return own.addHelpText("after", help).action(async (options: CommonOptions) => {
    const found = await withDaemon(options, (nix) => nix.info({ signal: io.signal }));
    const info = { ...found, url: redactUrl(found.url) };
    const trusted = info.trusted === null ? "unknown" : info.trusted ? "yes" : "no";
    const facts = [
      ["url", info.url],
      ["store directory", info.storeDir],
      ["Nix version", info.version ?? "unknown (before 2.7)"],
      ["protocol", info.protocol],
      ["trusts you", trusted],
      ["features", info.features.join(" ") || "none"],
    ] as const;
    const lines = facts.map(([name, value]) => `${name.padEnd(16)} ${value}\n`);
    await new Report(io, options).facts<StoreDocument>(info, { lines });
  });
}
