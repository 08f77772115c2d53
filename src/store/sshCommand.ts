/** The program that connects to a store behind SSH, and its arguments. */
import { LaminixError } from "../errors.js";
import { shellQuoted, shellWords } from "../process/shell.js";
import { refusedUrl, type SshUrl } from "./sshUrl.js";
import { flagOf, unknownParameter } from "./urlParameters.js";

export interface SshCommand {
  readonly program: "ssh";
  readonly args: readonly string[];
  /**
   * What a file of known hosts has to hold, where the URL names the host's key. The arguments do not name such a file
   * yet: whoever runs the program writes one, and takes those of `withKnownHosts`.
   */
  readonly knownHosts: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Those of the connection, which others read, come last. */
const PARAMETERS = [
  "ssh-key",
  "base64-ssh-public-host-key",
  "compress",
  "remote-program",
  "remote-store",
  "store",
  "max-connections",
];

/**
 * The command that Nix runs for the same URL (Nix manual, "Experimental SSH Store"), with two differences. No local
 * command tells that the connection stands, as the daemon's greeting tells it, nor may the user's settings run one that
 * would write into the protocol. And `remote-store` is quoted, since ssh hands its arguments to a shell there, joined
 * by spaces; `remote-program` is not, so that it may begin with a `~`.
 * @param environment `NIX_SSHOPTS` has more arguments, quoted as for a shell; they come first and so prevail
 * @throws {LaminixError} ERR_STORE_URL
 */
export function sshCommand(
  { url, user, host, port, parameters }: SshUrl,
  environment: Environment = process.env,
): SshCommand {
  const refuse = (why: string): LaminixError => refusedUrl(url, why);
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name)) throw refuse(unknownParameter(url, name));
  }
  const key = parameters.get("ssh-key") ?? "";
  const hostKey = parameters.get("base64-ssh-public-host-key") ?? "";
  const remoteStore = parameters.get("remote-store") ?? "";
  const program = (parameters.get("remote-program") ?? "").split(/\s+/).filter(Boolean);
  return {
    program: "ssh",
    args: [
      user === undefined ? host : `${user}@${host}`,
      "-x",
      ...optionsOf(environment),
      ...(key === "" ? [] : ["-i", key]),
      ...(flagOf("compress", parameters.get("compress") ?? "false", refuse) ? ["-C"] : []),
      ...(port === undefined ? [] : [`-p${String(port)}`]),
      "-oPermitLocalCommand=no",
      "--",
      ...(program.length === 0 ? ["nix-daemon"] : program),
      "--stdio",
      ...(remoteStore === "" ? [] : ["--store", shellQuoted(remoteStore)]),
    ],
    knownHosts: hostKey === "" ? undefined : `${host} ${decodedKey(url, hostKey)}\n`,
  };
}

/** The arguments with a file that holds `knownHosts`. */
export function withKnownHosts({ args }: Pick<SshCommand, "args">, file: string): string[] {
  const end = args.indexOf("--");
  // ssh takes several names, separated by spaces, unless they are quoted.
  return [...args.slice(0, end), `-oUserKnownHostsFile="${file}"`, ...args.slice(end)];
}

function optionsOf({ NIX_SSHOPTS = "" }: Environment): string[] {
  const words = shellWords(NIX_SSHOPTS);
  if (words) return words;
  throw new LaminixError("ERR_STORE_URL", "NIX_SSHOPTS has a quote without an end");
}

/** The line that the host has in its `.pub` file: type, key, and perhaps a comment. */
function decodedKey(url: string, text: string): string {
  const line = Buffer.from(text, "base64").toString().trim();
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  if (isBase64 && /^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?$/.test(line)) return line;
  throw refusedUrl(
    url,
    "its parameter base64-ssh-public-host-key is not the base 64 of a public key",
    "it is what `base64 -w0 /etc/ssh/ssh_host_ed25519_key.pub` prints on the host",
  );
}
