/** Whose files there can be in namespaces: those of all where the caller is root, else those of subordinate ids. */
import { userInfo } from "node:os";
import { LaminixError } from "../errors.js";
import { decode } from "../bytes/byteString.js";
import { inPath } from "../files/inPath.js";
import { textIfThere } from "../files/optionalFile.js";
import type { FolderNode, TreeNode } from "../tree/node.js";

export interface Mapping {
  readonly kind: "root" | "subordinate" | "alone";
  /** For `unshare`. */
  readonly arguments: readonly string[];
  readonly overlayOptions: string;
}

export function mappingOf(): Mapping {
  if (process.geteuid?.() === 0)
    return {
      kind: "root",
      arguments: [],
      overlayOptions: "redirect_dir=off,index=off,metacopy=off,xino=off",
    };
  const overlayOptions = "userxattr,index=off,xino=off";
  const map = ["--user", "--map-root-user"];
  return hasSubordinates()
    ? { kind: "subordinate", arguments: [...map, "--map-auto"], overlayOptions }
    : { kind: "alone", arguments: map, overlayOptions };
}

/** The program that enters namespaces with mounts of their own, and its arguments; a command follows. */
export function unshareCommand(mapping: Mapping, ...more: readonly string[]): [string, ...string[]] {
  return ["unshare", ...mapping.arguments, "--mount", "--propagation=private", ...more, "--"];
}

export interface Overlay {
  /** The uppermost first. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
  /** A mapping's. */
  readonly options: string;
}

/** Options as overlayfs reads them: a colon separates folders, a comma options, and a backslash takes that away. */
export function overlayOf({ lower, upper, work, options }: Overlay): string {
  const folder = (path: string): string => path.replace(/[\\,:]/g, String.raw`\$&`);
  return `${options},lowerdir=${lower.map(folder).join(":")},upperdir=${folder(upper)},workdir=${folder(work)}`;
}

/** One that no passwd file knows has no name. */
function user(): { readonly username: string | undefined; readonly uid: number } {
  try {
    return userInfo();
  } catch {
    return { username: undefined, uid: process.getuid?.() ?? 0 };
  }
}

/** subuid(5), subgid(5). */
function hasSubordinates(): boolean {
  const { username, uid } = user();
  const listed = (file: string): boolean =>
    textIfThere(file)
      .split("\n")
      .some((line) => [username, String(uid)].includes(line.split(":")[0]));
  return listed("/etc/subuid") && listed("/etc/subgid") && ["newuidmap", "newgidmap"].every(inPath);
}

/**
 * @throws {LaminixError} ERR_NAMESPACE for a file that would be somebody else's than in the image, and for a device, which
 *   only root can make
 */
export function requireMapped({ kind }: Mapping, trees: readonly FolderNode[]): void {
  if (kind === "root") return;
  for (const tree of trees) check(tree, "");

  function check(node: TreeNode, at: string): void {
    if (node.type === "store") return;
    const { uid, gid } = node.attributes;
    if (kind === "alone" && uid + gid > 0) throw foreign(at, `belongs to ${String(uid)}:${String(gid)}`);
    if (node.type === "character" || node.type === "block") throw foreign(at, "is a device");
    if (node.type === "directory") for (const [name, child] of node.children) check(child, `${at}/${name}`);
  }
}

function foreign(at: string, how: string): LaminixError {
  const path = decode(at === "" ? "/" : at);
  return new LaminixError(
    "ERR_NAMESPACE",
    `${path} of the image ${how}, which there cannot be in a namespace of this user`,
    {
      details: { path },
      hint: 'give the user subordinate ids (subuid(5), newuidmap), or use isolation "machine"',
    },
  );
}
