// The groups of pages in the site's menus, out of the tables of docs/README.md.
import { readFileSync } from "node:fs";
import path from "node:path";
import { placeOf, root } from "./places.js";

const read = (file) => readFileSync(path.join(root, file), "utf8");

const titleOf = (file) => /^# (.*)$/m.exec(read(file))[1].replaceAll("`", "");

/** Every link to a page, under the heading that it stands under. */
function linksOfIndex() {
  return read("docs/README.md")
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const heading = section.slice(0, section.indexOf("\n"));
      return Array.from(section.matchAll(/\]\(([^)#]+\.md)(#[^)]*)?\)/g), ([, page, anchor]) => ({
        heading,
        file: path.posix.join("docs", page),
        isWhole: anchor === undefined,
      }));
    });
}

/** A page stands where the index links to the whole of it, else where it links to a part of it first. */
function contents() {
  const links = linksOfIndex();
  const headings = [...new Set(links.map(({ heading }) => heading))];
  const homes = new Map();
  for (const { file, heading } of [...links.filter(({ isWhole }) => isWhole), ...links])
    if (!homes.has(file)) homes.set(file, heading);
  const files = [...new Set(links.map(({ file }) => file))];
  return headings.map((heading) => ({
    text: heading,
    items: files
      .filter((file) => homes.get(file) === heading)
      .map((file) => ({ text: titleOf(file), link: `/${placeOf(file).replace(/(index)?\.md$/, "")}` })),
  }));
}

export const groups = contents();
