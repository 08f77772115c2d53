/** What is written in the README and in docs/ does what it says, as a reader would copy it: commands, programs, files. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unpackedReader } from "../support/mountReaders.js";
import { describeWith } from "../support/requirements.js";
import { projectRoot } from "../support/run.js";
import { type Block, blocksOf, nameOf, PAGES, textOf } from "./blocks.js";
import { commandLines, parsed } from "./commandLines.js";
import { LIVE_PAGES, ONLY_COMPILED, onlyRead } from "./pages.js";
import { complaints, isProgram, programOf, transpiled } from "./programs.js";
import { sameLines, World } from "./world.js";

const blocks = PAGES.flatMap(blocksOf);
const isCommand = ({ language }: Block): boolean => language === "sh" || language === "console";
/** Of a terminal, what was typed behind the first prompt. */
const commands = ({ language, text }: Block): string =>
  language === "sh" ? text : text.replaceAll(/^(?!\$ ).*\n/gm, "").replaceAll(/^\$ /gm, "");

test("every block is in a language that is tested", () => {
  const tested = ["sh", "console", "js", "ts", "json", "nix", "yaml", "ini", "toml", "text"];
  // test/editor has Neovim run Lua; Debian 12's Emacs has no client that could run its Lisp.
  const elsewhere = ["lua", "elisp"];
  expect(blocks.filter(({ language }) => ![...tested, ...elsewhere].includes(language)).map(nameOf)).toEqual(
    [],
  );
});

test("every page with commands or programs is run", () => {
  const isRun = (block: Block): boolean => isCommand(block) || isProgram(block) || block.language === "nix";
  const pages = PAGES.filter((page) => blocksOf(page).some(isRun));
  expect(pages.filter((page) => page !== "tasks.md").toSorted()).toEqual(Object.keys(LIVE_PAGES).toSorted());
});

test("the figures of the README are measured ones", () => {
  const table = textOf("README.md").split("## Start")[0] ?? "";
  const measured = textOf("speed.md") + textOf("layering.md");
  const figures = table.match(/\d+(?:\.\d+)? ?(?:times|s\b|ms\b)|\d+ to \d+ ms/g) ?? [];
  expect(figures.length).toBeGreaterThan(8);
  for (const figure of figures) expect(measured).toContain(/\d+(?:\.\d+)?/.exec(figure)?.[0]);
});

test("programs compile", () => {
  const programs = blocks.filter(isProgram).map(programOf);
  expect(programs.length).toBeGreaterThan(20);
  expect(Object.fromEntries(complaints(programs))).toEqual({});
});

const readOnly = blocks.filter((block) => isCommand(block) && onlyRead(block) !== undefined);
test.each(readOnly.map((block) => ({ name: nameOf(block), block })))(
  "laminix knows the flags in $name",
  async ({ block }) => {
    for (const argv of await commandLines(commands(block))) expect(await parsed(argv)).toBe("parsed");
  },
);

describeWith(
  [
    "dockerd",
    "docker-registry",
    "nix-daemon",
    "nix-build",
    "busybox",
    "skopeo",
    "podman",
    "mountReaders",
    "vm",
  ],
  "what is on",
  () => {
    let world: World;
    beforeAll(async () => {
      world = await World.start();
    });
    afterAll(() => world[Symbol.asyncDispose]());

    test.each(Object.entries(LIVE_PAGES))("%s", async (page, { links, given, env = {} }) => {
      const folder = await world.newFolder(links);
      if (given !== undefined) await world.mustShell(given, { folder });
      let [printed, heading] = ["", ""];
      for (const [i, block] of blocksOf(page).entries()) {
        const run = (lines: string): Promise<string> =>
          world.mustShell(lines, { folder, env, name: nameOf(block) });
        // What is under another heading is not what was printed.
        if (block.heading !== heading) printed = "";
        ({ heading } = block);
        if (block.file !== undefined) world.write(block.file, block.text, folder);
        if (isCommand(block)) {
          if (onlyRead(block) === undefined) printed = await run(commands(block));
        } else if (isProgram(block)) {
          if (Object.keys(ONLY_COMPILED).some((words) => block.text.includes(words))) continue;
          const file = path.join(folder, `${String(i)}.mjs`);
          writeFileSync(file, world.complete(transpiled(programOf(block)), folder));
          await run(`node ${file}`);
        } else if (block.language === "json" && block.file === undefined && isSpec(block)) {
          world.write(`${String(i)}.json`, block.text, folder);
          await run(`laminix build ${String(i)}.json -o spec.tar`);
        } else if (block.language === "nix") {
          // What pages on the move to laminix have before it: both are there, and what they give is of no matter.
          const others =
            "pkgs = nixpkgs // { dockerTools = images; }; nix2container = { buildImage = _: { }; buildLayer = _: { }; };";
          const scope = `let nixpkgs = import <nixpkgs> { }; images = import ${projectRoot}/nix { pkgs = nixpkgs; }; ${others} in`;
          const what = "value: if value ? drvPath then value.drvPath else builtins.attrNames value";
          await run(`nix-instantiate --eval --strict -E ${quoted(`(${what}) (${scope} ${block.text})`)}`);
        } else if (block.language === "toml") {
          writeFileSync(path.join(folder, "config.toml"), block.text);
          await run("containerd --config config.toml config dump");
        } else if (block.file?.endsWith(".service") === true) {
          await run(`systemd-analyze verify ${block.file}`);
        } else if (block.file?.endsWith(".container") === true) {
          const units = path.dirname(block.file);
          expect(await run(`QUADLET_UNIT_DIRS=${units} ${unpackedReader("quadlet")} -dryrun`)).toContain(
            "localhost/web:1",
          );
        } else if (block.language === "text" && printed !== "" && page !== "layering.md")
          expect(sameLines(printed), nameOf(block)).toEqual(sameLines(block.text));
      }
    });
  },
);

/** One that no command of the page uses. Pipelines have a test of their own, and a plan of mounts is no spec. */
function isSpec({ page, text }: Block): boolean {
  return page !== "layering.md" && /"(?:contents|copyToRoot)"/.test(text);
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
