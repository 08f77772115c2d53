/**
 * The words of a NAR. Everything in one is a string: its length in 8 bytes, little-endian, its bytes, and zeros up to
 * a multiple of 8; so whatever is fixed is a sequence of whole words of 8 bytes.
 * Format: Nix manual, "Nix Archive (NAR) format".
 */

/** Bytes in a word. */
export const WORD = 8;

/** Bytes that a path in a NAR, or a link's target, has at the most: no file system that Nix runs on has longer ones. */
export const MAX_PATH = 4096;

/** Zeros after a string of so many bytes. */
export function paddingOf(length: number): number {
  return (WORD - (length % WORD)) % WORD;
}

/** Something fixed: strings that follow each other. */
export class Literal {
  readonly bytes: Buffer;
  /** What it is called in errors. */
  readonly text: string;
  /** Each half of each word as a number, low half first. */
  readonly halves: Uint32Array;

  constructor(...strings: readonly string[]) {
    this.bytes = Buffer.concat(strings.map(encoded));
    this.text = strings.map((each) => JSON.stringify(each)).join(" ");
    this.halves = Uint32Array.from({ length: this.bytes.length / 4 }, (_, i) =>
      this.bytes.readUInt32LE(i * 4),
    );
  }

  get words(): number {
    return this.halves.length / 2;
  }
}

/** A byte string as a NAR has it. */
export function encoded(bytes: string): Buffer {
  const target = Buffer.alloc(WORD + bytes.length + paddingOf(bytes.length));
  target.writeUInt32LE(bytes.length, 0);
  target.write(bytes, WORD, "latin1");
  return target;
}

export const OPEN = new Literal("nix-archive-1", "(", "type");
export const CLOSE = new Literal(")");
/** A file, up to the length of its contents. */
export const FILE = new Literal("regular", "contents");
export const EXECUTABLE = new Literal("regular", "executable", "", "contents");
export const FOLDER = new Literal("directory");
/** A link, up to its target. */
export const LINK = new Literal("symlink", "target");
/** One of a folder's children, up to its name. */
export const ENTRY = new Literal("entry", "(", "name");
/** What comes between a child's name and its type. */
export const NODE = new Literal("node", "(", "type");
