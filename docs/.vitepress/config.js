// The documentation as a site: `npm run docs`. Nothing of it is fetched, neither when it is built nor when it is read.
import { cpSync, mkdirSync } from "node:fs";
import path from "node:path";
import { first, groups } from "./contents.js";
import { linkedFiles, rewrites, root, siteLinks, slugify, srcExclude } from "./places.js";

/** For the index of the search, which has no colours: to find them takes most of the time of a build. */
function plainly(source, env, md) {
  const { highlight } = md.options;
  md.options.highlight = null;
  try {
    return md.render(source, env);
  } finally {
    md.options.highlight = highlight;
  }
}

/** @type {import("vitepress").UserConfig<import("vitepress").DefaultTheme.Config>} */
export default {
  title: "laminix",
  description: "The Node.js binding to Nix, and a builder of container images from Nix store paths",
  srcDir: "..",
  srcExclude,
  rewrites,
  outDir: "../.cache/site",
  cacheDir: "../.cache/vitepress",
  metaChunk: true,
  markdown: {
    anchor: { slugify },
    toc: { slugify },
    headers: { slugify },
    config: siteLinks,
  },
  themeConfig: {
    nav: [...first, ...groups],
    sidebar: [...first, ...groups.map((group) => ({ ...group, collapsed: false }))],
    outline: [2, 3],
    search: { provider: "local", options: { _render: plainly } },
  },
  buildEnd({ outDir }) {
    for (const [place, file] of linkedFiles) {
      const target = path.join(outDir, place);
      mkdirSync(path.dirname(target), { recursive: true });
      cpSync(path.join(root, file), target);
    }
  },
};
