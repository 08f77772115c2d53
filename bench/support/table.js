/**
 * Rows of cells as aligned text: the first column to the left, the others, being numbers, to the right.
 *
 * @param {readonly string[]} head
 * @param {readonly (readonly (string | number)[])[]} rows
 */
export function table(head, rows) {
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = (line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join("  ")
      .trimEnd();
  const [first, ...rest] = lines.map(text);
  return [first, "-".repeat(first.length), ...rest].join("\n");
}

/** @param {number} value */
export const seconds = (value) => (value < 1 ? `${(value * 1000).toFixed(1)} ms` : `${value.toFixed(2)} s`);
/** @param {number} value in bytes */
export const mebibytes = (value) => `${(value / 2 ** 20).toFixed(1)} MiB`;
/** @param {number} value */
export const ratio = (value) => `${value.toFixed(2)}×`;
