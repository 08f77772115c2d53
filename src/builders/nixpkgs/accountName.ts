/** Names of users and groups on this machine. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The name of a user or a group; empty where it has none. */
export function accountName(database: "passwd" | "group", id: number): string {
  const fields = linesOf(database).map((line) => line.split(":"));
  const local = fields.find(([, , number]) => number === String(id))?.[0];
  return local ?? fromElsewhere(database, id);
}

function linesOf(database: string): string[] {
  try {
    return readFileSync(`/etc/${database}`, "utf8").split("\n");
  } catch {
    return [];
  }
}

/** Accounts may come from a directory service. */
function fromElsewhere(database: string, id: number): string {
  try {
    const line = execFileSync("getent", [database, String(id)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return line.split(":")[0] ?? "";
  } catch {
    return "";
  }
}
