/** The documentation becomes a site, offline, and a link that leads nowhere keeps it from that. */
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lacking } from "../support/requirements.js";
import { mustRun, projectRoot, run, type RunResult } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const vitepress = path.join(projectRoot, "node_modules/vitepress/bin/vitepress.js");

/** Without network, where that can be taken away. */
const offline = lacking(["root", "linux", "unshare"]) === undefined ? ["unshare", "--net"] : [];

/** As `npm run docs`, but for making the scripts small. */
function build(docs: string, site: string, how: typeof mustRun): Promise<RunResult> {
  const command = [
    ...offline,
    process.execPath,
    vitepress,
    "build",
    docs,
    "--outDir",
    site,
    "--minify",
    "false",
  ];
  const [program = "", ...args] = command;
  return how(program, args, { timeout: 300_000 });
}

describe("the site of the documentation", () => {
  let folder: TemporaryFolder;
  let site: string;
  let pages: ReadonlyMap<string, string>;
  beforeAll(async () => {
    folder = await temporaryFolder("site");
    site = folder.join("site");
    await build(path.join(projectRoot, "docs"), site, mustRun);
    const files = readdirSync(site, { recursive: true, encoding: "utf8" });
    const read = (file: string) => readFileSync(path.join(site, file), "utf8");
    pages = new Map(files.filter((file) => file.endsWith(".html")).map((file) => [`/${file}`, read(file)]));
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  const hrefs = (html: string): string[] =>
    Array.from(html.matchAll(/<a [^>]*?href="([^"]*)"/g), ([, href]) => href!.replaceAll("&amp;", "&"));

  /** Whether a page's link leads to a file of the site, and to a heading where it names one. */
  function resolves(page: string, href: string): boolean {
    const { pathname, hash } = new URL(href, `http://site${page}`);
    const named = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
    const file = decodeURI(existsSync(path.join(site, `${named}.html`)) ? `${named}.html` : named);
    if (!existsSync(path.join(site, file))) return false;
    return hash === "" || (pages.get(file) ?? "").includes(`id="${decodeURIComponent(hash.slice(1))}"`);
  }

  test("has every page of docs/", () => {
    const names = readdirSync(path.join(projectRoot, "docs")).filter((name) => name.endsWith(".md"));
    const places = names.map((name) =>
      name === "README.md" ? "/index.html" : `/${name.replace(/md$/, "html")}`,
    );
    expect(places.filter((place) => !pages.has(place))).toEqual([]);
  });

  test("has no link that leads nowhere", () => {
    const inside = [...pages].flatMap(([page, html]) =>
      hrefs(html).flatMap((href) => (/^[a-z]+:/.test(href) ? [] : [[page, href] as const])),
    );
    expect(inside.length).toBeGreaterThan(500);
    expect(inside.filter(([page, href]) => page !== "/404.html" && !resolves(page, href))).toEqual([]);
  });

  test("has a menu of the groups and pages of the index", () => {
    const [, menu = ""] = /<aside class="VPSidebar(.*?)<\/aside>/s.exec(pages.get("/store.html") ?? "") ?? [];
    const index = readFileSync(path.join(projectRoot, "docs/README.md"), "utf8");
    for (const [, heading] of index.matchAll(/^## (.*)$/gm)) expect(menu).toContain(`>${heading!}<`);
    const links = new Set(hrefs(menu).map((href) => href.replace(/\.html$/, "")));
    for (const page of pages.keys())
      if (!["/404.html", "/index.html", "/contributing.html", "/changelog.html"].includes(page))
        expect(links).toContain(page.replace(/(index)?\.html$/, ""));
  });

  test("is searched without a server", () => {
    const chunks = path.join(site, "assets/chunks");
    const index = readdirSync(chunks).find((name) => name.startsWith("@localSearchIndexroot"))!;
    const terms = readFileSync(path.join(chunks, index), "utf8");
    expect(terms).toContain('"streamlayeredimage"');
    expect(terms).not.toContain('"qzxjkv"');
  });

  test("fetches nothing from elsewhere", () => {
    const fetched = [...pages.values()].flatMap((html) =>
      Array.from(
        html.matchAll(/<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="([^"]*)"/g),
        ([, url]) => url!,
      ),
    );
    expect(fetched.length).toBeGreaterThan(0);
    expect(fetched.filter((url) => /^([a-z]+:)?\/\//.test(url))).toEqual([]);
  });

  test.each([
    ["pages", ["missing.md", "../missing-above.md"]],
    ["another file", ["examples/missing.mjs"]],
  ])("is not made with dead links to %s", async (_, links) => {
    await using project = await temporaryFolder("dead-link");
    cpSync(path.join(projectRoot, "docs/.vitepress"), project.join("docs/.vitepress"), { recursive: true });
    symlinkSync(path.join(projectRoot, "node_modules"), project.join("node_modules"));
    writeFileSync(project.join("package.json"), '{"type":"module"}');
    writeFileSync(project.join("docs/README.md"), "# Pages\n\n## Group\n\n[a page](page.md)\n");
    const text = links.map((link) => `[none](${link})\n`).join("");
    writeFileSync(project.join("docs/page.md"), `# A page\n\n${text}`);
    const { code, stdout, stderr } = await build(project.join("docs"), project.join("site"), run);
    expect(code).not.toBe(0);
    for (const link of links) {
      const name = path.basename(link, ".md");
      expect(`${stdout.toString()}${stderr}`).toMatch(new RegExp(`dead link.*${name}\\b`, "i"));
    }
  });
});
