/**
 * What a command tells. While it works: progress and warnings, on standard error. At the end: what it found or made, on
 * standard output, in lines for people or, with `--json`, as one JSON document that has the warnings too. docs/json.md has
 * the documents, `documents/` their types.
 */
import type { ImageOutput } from "../builders/build/imageFile.js";
import type { OnProgress } from "../progress.js";
import type { ShownText } from "./colour.js";
import type { Io } from "./io.js";
import { jsonArray } from "./lines.js";
import { printBeside } from "./outputs.js";
import { progress } from "./progress.js";

interface ReportOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** A document whose command can warn. */
interface WithWarnings {
  readonly warnings: readonly string[];
}

/** What people read in place of a document. */
interface ForPeople {
  /** On standard output. */
  readonly lines?: Iterable<ShownText>;
  /** On standard error, unless `--quiet`. */
  readonly summary?: string | undefined;
}

export class Report {
  /** Takes what builders tell. */
  readonly onProgress: OnProgress;
  readonly #io: Io;
  readonly #isJson: boolean;
  readonly #end: (summary?: string) => void;

  /** @param begin what is drawn first on a terminal, and drawn on until there is news; nothing unless given */
  constructor(io: Io, options: ReportOptions, begin?: string) {
    const { json = false } = options;
    const { onProgress, end } = progress(io, options, begin);
    this.#io = io;
    this.#isJson = json;
    this.#end = end;
    this.onProgress = (event) => {
      if (!json) onProgress(event);
      else if (event.type === "warning") io.warnings.push(event.message);
      // Notes are for people.
      else if (event.type !== "note") onProgress(event);
    };
  }

  /**
   * A document that is an object; its warnings are added here. The type of the document has to be named.
   * @param output what was written; where that is standard output, this goes to standard error
   */
  async facts<Document extends WithWarnings = never>(
    facts: NoInfer<Omit<Document, "warnings">>,
    people: ForPeople,
    output?: ImageOutput,
  ): Promise<void> {
    const document = { ...facts, warnings: this.#io.warnings };
    await this.#tell(() => [`${JSON.stringify(document)}\n`], people, output);
    this.#warned();
  }

  /** A document that is an array, an item a line. There is no room for warnings in it: they follow on standard error. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller has to name it
  async list<Document extends readonly unknown[] = never>(
    items: Iterable<NoInfer<Document[number]>>,
    people: ForPeople,
  ): Promise<void> {
    await this.#tell(() => jsonArray(items), people);
  }

  /** A document that somebody else has written, as it is. Warnings follow on standard error. */
  async text(document: string, people: ForPeople = { lines: [document] }): Promise<void> {
    await this.#tell(() => [document], people);
  }

  /**
   * Facts that are told as they are read, so that they are never held whole.
   * @param document an object without its closing brace; not asked for unless it is printed
   */
  async pieces(document: AsyncIterable<string>, lines: AsyncIterable<ShownText>): Promise<void> {
    const { stdout, warnings } = this.#io;
    for await (const piece of this.#isJson ? document : lines) await stdout.write(piece);
    if (!this.#isJson) return;
    await stdout.write(`, "warnings": ${JSON.stringify(warnings)}}\n`);
    this.#warned();
  }

  async #tell(document: () => Iterable<string>, people: ForPeople, output?: ImageOutput): Promise<void> {
    this.#end();
    const { lines = [], summary } = people;
    await printBeside(output, this.#io, this.#isJson ? document() : lines);
    if (summary !== undefined && !this.#isJson) this.#end(summary);
  }

  /** They have been told. */
  #warned(): void {
    this.#io.warnings.length = 0;
  }
}
