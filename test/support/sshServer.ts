import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import path from "node:path";
import { startInBackground } from "./background.js";
import { freePort } from "./freePort.js";
import type { NixStore } from "./nixStore.js";
import { mustRun } from "./run.js";
import { temporaryFolder } from "./temporary.js";

export interface SshServer extends AsyncDisposable {
  /** The only user that may log in, with `key`: the one who runs this process. */
  readonly user: string;
  readonly host: string;
  readonly port: number;
  /** The private key's file. */
  readonly key: string;
  /** The server's own public key, as its `.pub` file has it. */
  readonly hostKey: string;
  /** Arguments for ssh with which it neither reads nor asks for anything of the user's. */
  readonly options: readonly string[];
  /** The same, and the known host, the key and the port, for Nix's programs and for laminix. */
  readonly env: Readonly<Record<"NIX_SSHOPTS", string>>;
  /** What the server has printed. */
  log(): string;
}

/** Starts an SSH server on the loopback interface; needs `sshd` and `ssh-keygen`. */
export async function startSshServer(): Promise<SshServer> {
  const folder = await temporaryFolder("ssh");
  try {
    const [hostKey, key, knownHosts] = ["host-key", "key", "known-hosts"].map((name) =>
      folder.join(name),
    ) as [string, string, string];
    for (const file of [hostKey, key])
      await mustRun("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", file]);
    const publicKey = (file: string): string => readFileSync(`${file}.pub`, "utf8").trim();
    const host = "127.0.0.1";
    const port = await freePort(host);
    writeFileSync(folder.join("authorized-keys"), `${publicKey(key)}\n`);
    writeFileSync(knownHosts, `[${host}]:${port} ${publicKey(hostKey)}\n`);
    const config = folder.join("sshd_config");
    writeFileSync(config, configuration(folder.path, host, port));
    // Where sshd, as root, locks up the process that talks to a stranger: it must be there, and empty.
    if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
    const server = await startInBackground(programPath("sshd"), ["-D", "-e", "-f", config], {
      env: { PATH: process.env["PATH"] },
      logFile: folder.join("sshd.log"),
      isReady: () => greets(host, port),
    });
    const options =
      "-F none -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o GlobalKnownHostsFile=none";
    const known = `-o UserKnownHostsFile=${knownHosts} -i ${key} -p ${port}`;
    return {
      ...{ user: userInfo().username, host, port, key, hostKey: publicKey(hostKey) },
      options: options.split(" "),
      env: { NIX_SSHOPTS: `${options} ${known}` },
      log: () => server.log(),
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

function configuration(folder: string, host: string, port: number): string {
  return [
    `ListenAddress ${host}:${port}`,
    `HostKey ${folder}/host-key`,
    `AuthorizedKeysFile ${folder}/authorized-keys`,
    "AuthenticationMethods publickey",
    "PermitRootLogin prohibit-password",
    // The folder is below one that everybody may write to.
    "StrictModes no",
    // Neither accounts nor sessions of the machine it is tested on.
    "UsePAM no",
    "PidFile none",
    "PrintMotd no",
    "UseDNS no",
    "LogLevel VERBOSE",
    "",
  ].join("\n");
}

/** sshd starts itself again for each connection, and so wants to know where it is. */
function programPath(name: string): string {
  const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin", "/sbin"];
  const found = folders.map((each) => path.resolve(each, name)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

function greets(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(port, host);
    const end = (answer: boolean): void => {
      connection.destroy();
      resolve(answer);
    };
    connection.once("data", (data) => {
      end(data.toString("latin1").startsWith("SSH-2.0-"));
    });
    connection.once("error", () => {
      end(false);
    });
    connection.once("close", () => {
      end(false);
    });
  });
}

/** The URL of a store, as the server's user sees it who runs a `nix-daemon` there that finds it in its environment. */
export function sshStoreUrl(
  { user, host, port }: Pick<SshServer, "user" | "host" | "port">,
  store: Pick<NixStore, "env">,
  parameters: Readonly<Record<string, string>> = {},
): string {
  const { NIX_STORE_DIR, NIX_STATE_DIR, NIX_CONF_DIR } = store.env;
  const variables = Object.entries({ NIX_STORE_DIR, NIX_STATE_DIR, NIX_CONF_DIR, NIX_REMOTE: "local" });
  const program = ["env", ...variables.map(([name, value]) => `${name}=${value}`), "nix-daemon"].join(" ");
  const query = Object.entries({ "remote-program": program, ...parameters }).map(
    ([name, value]) => `${name}=${encodeURIComponent(value)}`,
  );
  return `ssh-ng://${user}@${host}:${port}?${query.join("&")}`;
}
