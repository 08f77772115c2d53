// Where the files of the project are on the site: the pages of docs/ at its top, and what they link to beside them.
import { existsSync } from "node:fs";
import path from "node:path";

/** The project's folder. */
export const root = path.resolve(import.meta.dirname, "../..");

/** Pages that are not in docs/, and what they are called there. */
const others = {
  "README.md": "start.md",
  "CONTRIBUTING.md": "contributing.md",
  "CHANGELOG.md": "changelog.md",
};

/** What pages link to and what is not a page, by its place on the site; copied as it is. */
export const linkedFiles = new Map();

/** @param file below the project's folder */
export function placeOf(file) {
  if (Object.hasOwn(others, file)) return others[file];
  return file.replace(/^docs\//, "").replace(/(^|\/)README\.md$/, "$1index.md");
}

/** What VitePress takes for pages. */
export const srcExclude = ["!(docs)/**/*", `!(${Object.keys(others).join("|").replaceAll(".md", "")}).md`];

/** For every page. */
export const rewrites = (page) => placeOf(page);

/** Links as GitHub has them become links of the site; VitePress checks those to pages. */
export function siteLinks(md) {
  md.core.ruler.push("site-links", ({ tokens, env }) => {
    for (const { children } of tokens)
      for (const token of children ?? []) {
        const link = token.type === "link_open" ? token.attrGet("href") : undefined;
        if (link) token.attrSet("href", siteLink(link, env.realPath ?? env.path));
      }
  });
}

/** @param page its file */
function siteLink(link, page) {
  if (/^([a-z]+:|#)/.test(link)) return link;
  const [, target, anchor] = /^([^#]*)(.*)$/.exec(link);
  const file = path.relative(root, path.resolve(path.dirname(page), decodeURI(target)));
  const place = placeOf(file);
  if (file.endsWith(".md")) return `/${place}${anchor}`;
  if (file.startsWith("..") || !existsSync(path.join(root, file)))
    throw new Error(`${path.relative(root, page)} has a dead link: ${link}`);
  linkedFiles.set(place, file);
  return `/${place}${anchor}`;
}

/** The anchors that GitHub gives to headings; what is told twice gets a number from the plugin. */
export function slugify(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
}
