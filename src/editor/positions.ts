/** Columns of a line, as an editor counts them (LSP 3.18, PositionEncodingKind). */

export type PositionEncoding = "utf-8" | "utf-16";

/** The first of those that the editor offers which is known here; UTF-16, which every editor knows, where it offers none. */
export function agreedEncoding(offered: unknown): PositionEncoding {
  const known = (value: unknown): value is PositionEncoding => value === "utf-8" || value === "utf-16";
  return (Array.isArray(offered) ? offered.find(known) : undefined) ?? "utf-16";
}

/** How many UTF-16 units there are before a column. One that is inside a character is taken for its beginning. */
export function indexOfColumn(line: string, column: number, encoding: PositionEncoding): number {
  if (encoding === "utf-16") return Math.min(Math.max(0, column), line.length);
  let [index, seen] = [0, 0];
  while (index < line.length) {
    const width = utf8Width(line, index);
    if (seen + width.bytes > column) break;
    seen += width.bytes;
    index += width.units;
  }
  return index;
}

/** The column behind a line's beginning. */
export function columnAt(beginning: string, encoding: PositionEncoding): number {
  return encoding === "utf-16" ? beginning.length : Buffer.byteLength(beginning);
}

function utf8Width(text: string, index: number): { readonly bytes: number; readonly units: number } {
  const code = text.codePointAt(index) ?? 0;
  if (code > 0xffff) return { bytes: 4, units: 2 };
  return { bytes: code < 0x80 ? 1 : code < 0x800 ? 2 : 3, units: 1 };
}
