/**
 * From a NAR's order to the canonical one. A NAR has a folder's names in the order of their bytes, a layer in that of
 * their code points (see `compareNames`). For UTF-8 the two are one; where a name that is not UTF-8 is among them they
 * may differ, and then a node has to wait for others that come after it in the NAR: its contents in a temporary file.
 *
 * Which ones have to wait is told by the name alone. A name in UTF-8, of code points below U+D800, comes in both orders
 * before all that are to come after it in the NAR: either their code point is greater where they first differ, or they
 * have an escaped byte there, which is U+DC80 or above.
 */
import { compareNames, isAscii, isUtf8 } from "../bytes/byteString.js";
import type { NarEvent } from "../nar/parser.js";
import { Spool } from "../files/spool.js";

type Node = Exclude<NarEvent, { readonly type: "contents" }>;

/** A node that waits, with all below it. */
interface Held {
  readonly node: Node;
  readonly name: string;
  /** Where its contents are in the temporary file. */
  readonly start: number;
  /** In the canonical order. */
  readonly children: Held[];
}

export class NameOrder {
  /** Folders that have children waiting, each inside the one before it. */
  readonly #waiting: { readonly folder: string; readonly children: Held[] }[] = [];
  /** What is being read, if it has to wait: a node, and those below it on the way to the last one. */
  #holding: Held[] = [];
  readonly #spool = new Spool();

  /**
   * The events that need not wait any longer.
   * @throws {LaminixError} ERR_FILE_WRITE
   */
  *sorted(events: Iterable<NarEvent>): Generator<NarEvent, void, void> {
    for (const event of events) {
      if (event.type !== "contents") yield* this.#node(event);
      else if (this.#holding.length === 0) yield event;
      else this.#spool.append(event.bytes);
    }
  }

  /** All that still waits. */
  *end(): Generator<NarEvent, void, void> {
    for (let last = this.#waiting.pop(); last; last = this.#waiting.pop())
      yield* this.#release(last.children);
  }

  close(): void {
    this.#spool.close();
  }

  *#node(node: Node): Generator<NarEvent, void, void> {
    const { path } = node;
    const name = path.slice(path.lastIndexOf("/") + 1);
    while (this.#holding.length > 0 && !isIn(path, this.#holding.at(-1)?.node.path)) this.#holding.pop();
    const holder = this.#holding.at(-1);
    if (holder) {
      this.#hold(node, name, holder.children);
      return;
    }
    let folder = this.#waiting.at(-1);
    for (; folder && !isIn(path, folder.folder); folder = this.#waiting.at(-1)) {
      yield* this.#release(folder.children);
      this.#waiting.pop();
    }
    const parent = path.slice(0, Math.max(0, path.length - name.length - 1));
    if (mayHaveToWait(name)) {
      if (folder?.folder !== parent) this.#waiting.push((folder = { folder: parent, children: [] }));
      this.#hold(node, name, folder.children);
      return;
    }
    if (folder?.folder === parent) {
      yield* this.#release(folder.children.splice(0, placeOf(name, folder.children)));
    }
    yield node;
  }

  #hold(node: Node, name: string, siblings: Held[]): void {
    const held = { node, name, start: this.#spool.size, children: [] };
    siblings.splice(placeOf(name, siblings), 0, held);
    this.#holding.push(held);
  }

  *#release(nodes: readonly Held[]): Generator<NarEvent, void, void> {
    for (const { node, start, children } of nodes) {
      yield node;
      if (node.type === "regular") {
        for (const bytes of this.#spool.pieces(start, node.size)) yield { type: "contents", bytes };
      }
      yield* this.#release(children);
    }
  }
}

/** How many of the siblings, which are in the canonical order, come before a name. */
function placeOf(name: string, siblings: readonly Held[]): number {
  let low = 0;
  for (let high = siblings.length; low < high;) {
    const middle = (low + high) >> 1;
    if (compareNames((siblings[middle] as Held).name, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isIn(path: string, folder: string | undefined): boolean {
  return folder !== undefined && (folder === "" ? path !== "" : path.startsWith(`${folder}/`));
}

function mayHaveToWait(name: string): boolean {
  // In UTF-8 a code point from U+E000 up begins with a byte from 0xEE up.
  return !isAscii(name) && (/[\xee-\xff]/.test(name) || !isUtf8(name));
}
