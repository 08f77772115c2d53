// The groups of pages in the site's menus, out of the tables of docs/README.md.
import { readFileSync } from "node:fs";
import path from "node:path";
import { placeOf, root } from "./places.js";

const read = (file) => readFileSync(path.join(root, file), "utf8");

const titleOf = (file) =>
  file === "README.md" ? "Start" : /^# (.*)$/m.exec(read(file))[1].replaceAll("`", "");

const itemOf = (file) => ({ text: titleOf(file), link: `/${placeOf(file).replace(/(index)?\.md$/, "")}` });

const [introduction, ...sections] = read("docs/README.md").split(/^## /m);

/** Links to pages. */
function linksIn(text) {
  return Array.from(text.matchAll(/\]\(([^)#]+\.md)(#[^)]*)?\)/g), ([, page, anchor]) => ({
    file: path.posix.join("docs", page),
    isWhole: anchor === undefined,
  }));
}

/** A page stands where the index links to the whole of it, else where it links to a part of it first. */
function contents() {
  const links = sections.flatMap((section) => {
    const heading = section.slice(0, section.indexOf("\n"));
    return linksIn(section).map((link) => ({ ...link, heading }));
  });
  const headings = [...new Set(links.map(({ heading }) => heading))];
  const homes = new Map();
  for (const { file, heading } of [...links.filter(({ isWhole }) => isWhole), ...links])
    if (!homes.has(file)) homes.set(file, heading);
  const files = [...new Set(links.map(({ file }) => file))];
  return headings.map((heading) => ({
    text: heading,
    items: files.filter((file) => homes.get(file) === heading).map(itemOf),
  }));
}

/** Pages to begin with. */
export const first = [...new Set(linksIn(introduction).map(({ file }) => file))].map(itemOf);

export const groups = contents();
