/** Answers as tables in Markdown, for a pull request. */
import type { ClosureDiff, PackageChange } from "../store/questions/diffClosures.js";
import { bytes, counted, moreBytes } from "../format.js";

/** A table of the packages that changed, and the totals; a sentence where none did. */
export function diffMarkdown({ changes, before, after, narSizeDelta }: ClosureDiff): string {
  const total = ({ size, narSize }: ClosureDiff["before"]): string =>
    `${counted(size, "path")}, ${bytes(narSize)}`;
  if (changes.length === 0) return `No package changed: both closures are the same ${total(after)}.\n`;
  return [
    row(["Package", "Change", "Before", "After", "Size"]),
    "| --- | --- | --- | --- | ---: |\n",
    ...changes.map((change) =>
      row([code(change.name), change.kind, ...beforeAndAfter(change), sizeOf(change)]),
    ),
    row(["**Total**", "", total(before), total(after), moreBytes(narSizeDelta)]),
  ].join("");
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |\n`;
}

/** Of outputs where only they changed, else of versions. */
function beforeAndAfter({ kind, removed, added, removedVersions, addedVersions }: PackageChange): string[] {
  const outputs = (paths: PackageChange["added"]): string[] =>
    [...new Set(paths.map(({ output }) => output || "out"))].sort();
  const [before, after] =
    kind === "outputs" ? [outputs(removed), outputs(added)] : [removedVersions, addedVersions];
  return [before, after].map((words) => words.map((word) => (word === "" ? "–" : code(word))).join(", "));
}

function sizeOf({ narSizeDelta }: PackageChange): string {
  return narSizeDelta === 0 ? "" : moreBytes(narSizeDelta);
}

/** No name or version of a store path has a backtick or a bar in it. */
function code(text: string): string {
  return `\`${text}\``;
}
