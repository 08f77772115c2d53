import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { node24Path } from "./support/node24.js";
import { testWith } from "./support/requirements.js";
import { mustRun } from "./support/run.js";
import { moduleUrl } from "./support/script.js";
import { temporaryFolder } from "./support/temporary.js";

/** Writes down the URL of each module, from the thread that finds them. */
const hook = `
  import { appendFileSync } from "node:fs";
  export async function resolve(specifier, context, next) {
    const found = await next(specifier, context);
    appendFileSync(process.env.LOADED, found.url + "\\n");
    return found;
  }`;

const script = `
  import { register } from "node:module";
  register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});
  await import(${JSON.stringify(moduleUrl("index.js"))});`;

/** What `import "laminix"` loads, in a Node of its own: other packages by name, and parts of Node. */
async function loadedBy(node: string): Promise<{ packages: string[]; builtins: string[] }> {
  await using folder = await temporaryFolder("imports");
  const file = folder.join("loaded");
  const env = { ...process.env, LOADED: file };
  await mustRun(node, ["--input-type=module", "--eval", script], { env });
  const urls = readFileSync(file, "utf8").trim().split("\n");
  const all = (pattern: RegExp): string[] => [
    ...new Set(urls.flatMap((url) => pattern.exec(url)?.[1] ?? [])),
  ];
  expect(all(/\/(dist\/index\.js)$/)).toEqual(["dist/index.js"]);
  return {
    packages: all(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/),
    builtins: all(/^node:(.*)/),
  };
}

/** What talks to registries, engines and caches is loaded by those who do so; and the command line by itself alone. */
async function expectLittle(node: string): Promise<void> {
  const { packages, builtins } = await loadedBy(node);
  expect(packages).toEqual(["zod"]);
  for (const name of ["http", "https", "http2", "net", "tls", "readline"])
    expect(builtins).not.toContain(name);
}

test("the library loads no more of other packages than checks what it is given", async () => {
  await expectLittle(process.execPath);
});

testWith(["node24"], "nor does it on another version of Node", async () => {
  await expectLittle(node24Path());
});
