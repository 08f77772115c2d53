/** Whether what a container runs is in its image, as far as that is known without making the image. */
import { lstatSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { inheritConfig } from "../image/inherit.js";
import { objectIn, textIn, textsIn } from "../image/fields.js";
import { decode, toByteString } from "../bytes/byteString.js";
import type { JsonObject } from "../bytes/json.js";
import type { PathFiles } from "../nar/source.js";
import type { Content } from "../root/contents.js";
import { pieceTree } from "../spec/pieces/pieceTree.js";
import { MAX_LINKS, nodeAt, placeOf } from "../tree/lookup.js";
import type { FolderNode } from "../tree/node.js";
import type { Prepared } from "./prepare.js";

/** Docker's, where the configuration has none. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * What to warn of, if there is anything. Nothing where a script may make the file, where the base lies in a registry, and
 * where store paths are not on this disk.
 */
export async function startedProgramWarning(
  prepared: Prepared,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const { spec, base } = prepared;
  const key = ["Entrypoint", "Cmd"].find((each) => textsIn(spec.config, each).length > 0);
  const [word = ""] = key === undefined ? [] : textsIn(spec.config, key);
  if (key === undefined || word === "") return undefined;
  const quoted = JSON.stringify(word);
  if (/\s/.test(word)) {
    return `config.${key} begins with ${quoted}, which has spaces: each word of a command stands for itself`;
  }
  const config = inheritConfig(spec.config, base?.config);
  // The words of Cmd are arguments then.
  if (key === "Cmd" && textsIn(config, "Entrypoint").length > 0) return undefined;
  if (spec.extraCommands !== "" || spec.fakeRootCommands !== "" || spec.runAsRoot || base?.isShallow)
    return undefined;
  const files = new ImageFiles(prepared, signal);
  const places = placesFor(word, config).map((path) => posix.resolve("/", path));
  const volumes = [...objectIn(config, "Volumes").keys()];
  if (places.some((path) => volumes.some((volume) => path.startsWith(`${volume}/`)))) return undefined;
  for (const place of places) if (await files.has(place)) return undefined;
  return word.includes("/")
    ? `config.${key} begins with ${quoted}, which is not in the image`
    : `config.${key} begins with ${quoted}, which is in no folder of the image's PATH`;
}

/** Where a container looks for a program. */
function placesFor(word: string, config: JsonObject): string[] {
  if (word.includes("/")) return [posix.resolve("/", textIn(config, "WorkingDir") ?? "/", word)];
  const variable = textsIn(config, "Env").find((each) => each.startsWith("PATH="));
  const path = variable === undefined ? PATH : variable.slice("PATH=".length);
  return path.split(":").map((folder) => posix.join(folder, word));
}

/** What is at a path: a link's target, something else, or it cannot be told. */
type Found = { readonly link: string } | "there" | "unknown" | undefined;

class ImageFiles {
  readonly #prepared: Prepared;
  readonly #signal: AbortSignal | undefined;

  constructor(prepared: Prepared, signal: AbortSignal | undefined) {
    this.#prepared = prepared;
    this.#signal = signal;
  }

  /** Whether a path leads to something, or may. */
  async has(path: string): Promise<boolean> {
    let links = MAX_LINKS;
    let place = "/";
    const pending = path.split("/").filter(Boolean).reverse();
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      const next = posix.join(place, part);
      // Store paths are there as wholes, and so are the folders that lead to them.
      const isAbove = next === "/" || `${this.#prepared.storeDir}/`.startsWith(`${next}/`);
      const found = isAbove ? "there" : await this.#at(next);
      if (found === undefined) return false;
      if (found === "unknown") return true;
      if (found === "there") place = next;
      else {
        if (links-- === 0) return false;
        if (found.link.startsWith("/")) place = "/";
        pending.push(
          ...found.link
            .split("/")
            .filter((each) => each !== "" && each !== ".")
            .reverse(),
        );
      }
    }
    return true;
  }

  async #at(path: string): Promise<Found> {
    const { storeDir, paths, base } = this.#prepared;
    const own = path.startsWith(`${storeDir}/`)
      ? await this.#inStore(path)
      : await this.#inContents([...paths.copies, ...paths.contents], path);
    if (own !== undefined || !base) return own;
    try {
      return inTree(await base.root(this.#signal), path);
    } catch {
      this.#signal?.throwIfAborted();
      return "unknown"; // told by whoever needs its files
    }
  }

  async #inStore(path: string): Promise<Found> {
    const { paths, closure, store } = this.#prepared;
    const storePath = closure.paths.find((each) => path === each || path.startsWith(`${each}/`));
    if (storePath === undefined) return paths.namedOnly.size > 0 ? "unknown" : undefined;
    return inFiles(await store.open(storePath), path.slice(storePath.length));
  }

  async #inContents(contents: readonly Content[], path: string): Promise<Found> {
    for (const content of contents) {
      const found = await this.#inContent(content, path);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #inContent(content: Content, path: string): Promise<Found> {
    if (content.kind === "folder") return onDisk(`${content.path}${path}`);
    if (content.kind === "store") return inFiles(await this.#prepared.store.open(content.path), path);
    return inTree(pieceTree(content.piece), path);
  }
}

/** What is not on this disk is somewhere else. */
function inFiles(files: PathFiles, inside: string): Found {
  if (!("disk" in files) || onDisk(files.disk) === undefined) return "unknown";
  return onDisk(`${files.disk}${inside}`);
}

function inTree(root: FolderNode, path: string): Found {
  const place = placeOf(root, toByteString(path));
  const node = place && nodeAt(root, place);
  if (node === undefined) return undefined;
  return node.type === "symlink" ? { link: decode(node.target) } : "there";
}

function onDisk(path: string): Found {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats) return undefined;
    return stats.isSymbolicLink() ? { link: readlinkSync(path) } : "there";
  } catch {
    return "unknown";
  }
}
