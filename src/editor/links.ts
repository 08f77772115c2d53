/** Store paths as links to their files. */
import type { DocumentLink } from "vscode-languageserver-protocol";

import type { StorePath } from "../store/storePath.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import { fileUri } from "./fileUri.js";
import { objectOf, stringIn, uriOf } from "./parameters.js";
import { reportUri } from "./reports/reportUri.js";
import { mayNameStorePaths, MOST_SEARCHED, storePathsBetween } from "./storePathsAt.js";

/** Links of one text. */
const MOST_LINKS = 5000;

interface LinkData {
  readonly path: string;
  readonly inside: string;
}

/** Where links are; where each leads is asked when it is looked at. Only the beginning of a large text is searched. */
export async function documentLinks(
  params: unknown,
  editor: Editor,
  asking: Asking,
): Promise<DocumentLink[]> {
  const text = editor.documents.require(uriOf(params));
  const end = Math.min(text.text.length, MOST_SEARCHED);
  if (!mayNameStorePaths(text.text.slice(0, end))) return [];
  const storeDir = await editor.facts.storeDir(asking);
  const found = storePathsBetween(text, 0, end, storeDir);
  return found.slice(0, MOST_LINKS).map(({ start, end, path, inside }) => {
    const data: LinkData = { path, inside };
    return { range: text.rangeOf(start, end), data };
  });
}

/** A file is opened; of anything else there is a report, where the editor reads those. */
export async function resolveLink(params: unknown, editor: Editor): Promise<DocumentLink> {
  const link = objectOf(params, "params") as unknown as DocumentLink;
  const path = stringIn(link.data, "path", "params.data") as StorePath;
  const inside = stringIn(link.data, "inside", "params.data");
  const target = await targetOf(path, inside, editor);
  return { ...link, ...(target !== undefined && { target }) };
}

async function targetOf(
  path: StorePath,
  inside: string,
  { facts, client }: Editor,
): Promise<string | undefined> {
  const followed = await facts.followed(inside === "" ? path : `${path}/${inside}`, neverEnding);
  if (followed?.kind === "file") return fileUri(followed.place);
  return client.readsReports ? reportUri({ kind: "path", path }) : undefined;
}

/** Only this disk is looked at. */
const neverEnding: Asking = { signal: new AbortController().signal };
