/** The pages of the documentation lead to places that exist. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "./support/run.js";

const inDocs = readdirSync(path.join(projectRoot, "docs")).filter((name) => name.endsWith(".md"));
const pages = ["README.md", "CONTRIBUTING.md", ...inDocs.map((name) => `docs/${name}`)];

const read = (page: string): string => readFileSync(path.join(projectRoot, page), "utf8");

/** Markdown without what it quotes as code. */
const proseOf = (markdown: string): string =>
  markdown.replaceAll(/^```.*?^```/gms, "").replaceAll(/`[^`\n]*`/g, "");

const linksOf = (page: string): string[] =>
  Array.from(proseOf(read(page)).matchAll(/\]\(([^)]+)\)/g), ([, link]) => link!);

/** The anchors that GitHub gives to a page's headings. */
function anchorsOf(page: string): Set<string> {
  const text = read(page).replaceAll(/^```.*?^```/gms, "");
  const anchors = new Set<string>();
  for (const [, heading] of text.matchAll(/^#+ (.*)$/gm)) {
    const slug = heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again++) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Whether a link of a page leads to a file, and to a heading where it names one. */
function resolves(page: string, link: string): boolean {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page : path.join(path.dirname(page), file);
  if (!existsSync(path.join(projectRoot, target))) return false;
  return anchor === undefined || anchorsOf(target).has(anchor);
}

test.each(pages)("every relative link of %s resolves", (page) => {
  const relative = linksOf(page).filter((link) => !/^[a-z]+:/.test(link));
  expect(relative.filter((link) => !resolves(page, link))).toEqual([]);
});

test("the index of the documentation leads to every page", () => {
  const linked = new Set(linksOf("docs/README.md").map((link) => link.split("#")[0]));
  expect(inDocs.filter((name) => name !== "README.md" && !linked.has(name))).toEqual([]);
});
