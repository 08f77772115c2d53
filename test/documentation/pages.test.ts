/** The commands of the README and of the pages in docs/ do what they say, as a reader would copy them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWith } from "../support/requirements.js";
import { type Block, blocksOf, nameOf, PAGES } from "./blocks.js";
import { commandLines, parsed } from "./commandLines.js";
import { onlyRead, PAGES_WITH_COMMANDS } from "./pages.js";
import { sameLines, World } from "./world.js";

const isCommand = ({ language }: Block): boolean => language === "sh" || language === "console";
/** Of a terminal, what was typed behind the first prompt. */
const commands = ({ language, text }: Block): string =>
  language === "sh" ? text : text.replaceAll(/^(?!\$ ).*\n/gm, "").replaceAll(/^\$ /gm, "");

test("every page with commands is run", () => {
  const pages = PAGES.filter((page) => blocksOf(page).some(isCommand));
  expect(pages.filter((page) => page !== "tasks.md").toSorted()).toEqual(
    Object.keys(PAGES_WITH_COMMANDS).toSorted(),
  );
});

const readOnly = PAGES.flatMap(blocksOf).filter((block) => isCommand(block) && onlyRead(block) !== undefined);
test.each(readOnly.map((block) => ({ name: nameOf(block), block })))(
  "laminix knows the flags in $name",
  async ({ block }) => {
    for (const argv of await commandLines(commands(block))) expect(await parsed(argv)).toBe("parsed");
  },
);

describeWith(
  ["dockerd", "docker-registry", "nix-daemon", "nix-build", "busybox", "skopeo", "podman", "mountReaders"],
  "the commands of",
  () => {
    let world: World;
    beforeAll(async () => {
      world = await World.start();
    });
    afterAll(() => world[Symbol.asyncDispose]());

    test.each(Object.entries(PAGES_WITH_COMMANDS))("%s", async (page, { links, given, env = {} }) => {
      const folder = await world.newFolder(links);
      if (given !== undefined) await world.mustShell(given, { folder });
      let printed = "";
      for (const block of blocksOf(page)) {
        if (isCommand(block)) {
          if (onlyRead(block) === undefined)
            printed = await world.mustShell(commands(block), { folder, env, name: nameOf(block) });
        } else if (block.file !== undefined) world.write(block.file, block.text, folder);
        else if (block.language === "text" && printed !== "" && page !== "layering.md")
          expect(sameLines(printed), nameOf(block)).toEqual(sameLines(block.text));
      }
    });
  },
);
