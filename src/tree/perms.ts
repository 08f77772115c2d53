/** Modes and owners that a spec declares, by path and pattern. */
import { decode, toByteString } from "../bytes/byteString.js";
import { nodeAt } from "./lookup.js";
import { type Attributes, type FolderNode, partsOf, type TreeNode } from "./node.js";

export interface PermsRule {
  /** In the image: the rule is for what is at this path and below it; for everything unless given. */
  readonly path?: string | undefined;
  /** What of that it is for: paths in the image, such as `/etc/shadow`, in which the pattern is found. */
  readonly regex?: RegExp | undefined;
  /** Permission bits. A link has none. */
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly uname?: string | undefined;
  readonly gname?: string | undefined;
}

/** Applies rules one after another. @returns those that were for nothing in the tree */
export function applyPerms(root: FolderNode, rules: readonly PermsRule[]): PermsRule[] {
  return rules.filter((rule) => !applyRule(root, rule));
}

function applyRule(root: FolderNode, rule: PermsRule): boolean {
  const below = partsOf(rule.path === undefined ? "" : toByteString(rule.path));
  const node = nodeAt(root, below);
  return node !== undefined && change(node, below.map((part) => `/${part}`).join(""), rule);
}

function change(node: TreeNode, at: string, rule: PermsRule): boolean {
  if (node.type === "store") return false;
  const path = at === "" ? "/" : at;
  let isFor = rule.regex?.test(decode(path)) ?? true;
  if (isFor) node.attributes = changed(node.attributes, rule, node.type === "symlink");
  if (node.type === "directory") {
    for (const [name, child] of node.children) if (change(child, `${at}/${name}`, rule)) isFor = true;
  }
  return isFor;
}

function changed(attributes: Attributes, rule: PermsRule, isLink: boolean): Attributes {
  const { mode, uid, gid, uname, gname } = rule;
  return {
    ...attributes,
    ...(mode !== undefined && !isLink && { mode }),
    // A name that was there belongs to the number that was there.
    ...(uid !== undefined && { uid, uname: "" }),
    ...(gid !== undefined && { gid, gname: "" }),
    ...(uname !== undefined && { uname: toByteString(uname) }),
    ...(gname !== undefined && { gname: toByteString(gname) }),
  };
}
