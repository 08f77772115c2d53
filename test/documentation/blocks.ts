/** The fenced blocks of the README and of the pages in docs/. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { projectRoot } from "../support/run.js";

export interface Block {
  /** `README.md`, or a name in docs/. */
  readonly page: string;
  /** Where its fence is, counted from 1. */
  readonly line: number;
  /** The heading that it stands under, without its marks. */
  readonly heading: string;
  readonly language: string;
  readonly text: string;
  /** The file that it is said to be: by a sentence before it that ends with its name, or by a comment that begins it. */
  readonly file: string | undefined;
}

const docs = path.join(projectRoot, "docs");

/** The reference is made of the declarations, by a script that is checked by itself. */
export const PAGES = [
  "README.md",
  ...readdirSync(docs)
    .filter((name) => name.endsWith(".md") && name !== "reference.md")
    .map((name) => (name === "README.md" ? "docs/README.md" : name)),
];

export function textOf(page: string): string {
  const inRoot = page === "README.md" || page.includes("/");
  return readFileSync(inRoot ? path.join(projectRoot, page) : path.join(docs, page), "utf8");
}

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { line: number; language: string; lines: string[] } | undefined;
  let prose = "";
  for (const [i, line] of textOf(page).split("\n").entries()) {
    const fence = /^```(\w*)/.exec(line);
    if (open && fence) {
      const text = `${open.lines.join("\n")}\n`;
      const named = /`([^`]+\.\w+)`:$/.exec(prose.trim()) ?? /^# (\S+\.\w+)$/.exec(open.lines[0] ?? "");
      blocks.push({ page, line: open.line, heading, language: open.language, text, file: named?.[1] });
      open = undefined;
      prose = "";
    } else if (open) open.lines.push(line);
    else if (fence) open = { line: i + 1, language: fence[1] ?? "", lines: [] };
    else {
      if (line.startsWith("#")) heading = line.replace(/^#+ /, "");
      if (line !== "") prose = line;
    }
  }
  return blocks;
}

/** In which test's name it can be found. */
export const nameOf = ({ page, line, heading }: Block): string => `${page}:${String(line)} ${heading}`;
