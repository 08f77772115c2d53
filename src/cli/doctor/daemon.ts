/** The Nix daemon: what listens, and who has to be started for each connection. */
import { LaminixError } from "../../errors.js";
import { inPath } from "../../files/inPath.js";
import { redactUrl } from "../../redact.js";
import { Connection } from "../../store/connection.js";
import { parseStoreUrl } from "../../store/location.js";
import type { DaemonTarget } from "../../store/target.js";
import { type Check, failed, type Found, ok, type Situation } from "./check.js";

export const daemon: Check = {
  feature: "daemon",
  neededFor: "questions to the Nix store, images of store paths",
  look: async ({ store, signal }: Situation): Promise<Found> => {
    const { targets } = parseStoreUrl(store);
    const sockets = targets.filter((target) => "socket" in target);
    const programs = targets.flatMap((target) => ("program" in target ? [target.program] : []));
    if (sockets.length === 0) return remote(store);
    try {
      return await ask(sockets, signal);
    } catch (error) {
      if (!(error instanceof LaminixError)) throw error;
      if (error.code === "ERR_ADDON_MISSING")
        return { status: "unknown", found: "cannot be asked without the addon", todo: error.hint };
      const program = error.code === "ERR_NO_DAEMON" ? programs.find(inPath) : undefined;
      return program === undefined ? failed(error) : startedEachTime(program, sockets);
    }
  },
};

async function ask(sockets: readonly DaemonTarget[], signal: AbortSignal): Promise<Found> {
  const connection = await Connection.open(sockets, { signal });
  const { version, minor, trusted } = connection.handshake;
  connection.close();
  const trust = trusted === null ? "" : trusted ? ", trusts you" : ", does not trust you";
  return ok(`Nix ${version ?? "before 2.7"}, protocol 1.${String(minor)}${trust}, at ${places(sockets)}`);
}

/** It would make a store where there is none, so it is not tried. */
function startedEachTime(program: string, sockets: readonly DaemonTarget[]): Found {
  return {
    status: "limited",
    found: `nobody listens at ${places(sockets)}; ${program} is started for each connection`,
    todo: "nothing, where the store is your own; else start nix-daemon",
  };
}

function remote(store: string): Found {
  const url = redactUrl(store);
  return {
    status: "unknown",
    found: `${url} is on another machine, which is not asked here`,
    todo: `laminix store --store ${url} asks it`,
  };
}

function places(targets: readonly DaemonTarget[]): string {
  return targets.map((target) => ("socket" in target ? target.socket : target.program)).join(", ");
}
