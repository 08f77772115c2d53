// Writes man/: a page of laminix and one of each command, out of what their help says.
//
//   node scripts/man.js           writes them
//   node scripts/man.js --check   fails if they are not what would be written

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const folder = path.join(root, "man");

let said = "";
const { programFor } = await import("../dist/cli/program.js");
const program = await programFor([], {}, (text) => (said += text));
const help = program.createHelp();

/** What roff would make typographic. */
const plain = { "-": "\\-", "'": "\\(aq", "`": "\\(ga", "~": "\\(ti", "^": "\\(ha" };

/** Text as roff takes it for text: groff_char(7) for all that is not ASCII. */
function escaped(text) {
  return text
    .replaceAll("\\", "\\e")
    .replace(/[-'`~^]/g, (character) => plain[character])
    .replace(/[^\n -~]/gu, (character) => {
      const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      return `\\[u${code}]`;
    })
    .replace(/,(?=\S)/g, ",\\:") // JSON may be broken there
    .replace(/^(?=\.)/gm, "\\&");
}

const bold = (text) => `\\fB${escaped(text)}\\fP`;

/** Items by a key, in the order in which the keys come. */
function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** A heading without its colon. */
const titled = (heading) => escaped(heading.replace(/:$/, ""));

/** What stands below the options in the help: the examples, and the rest. */
function closing(command) {
  said = "";
  command.outputHelp();
  const lines = said.slice(command.helpInformation().length).split("\n");
  const start = lines.findLastIndex((line) => /^Examples?:$/.test(line));
  const end = lines.findIndex((line, at) => at > start && !line.startsWith("  "));
  const prose = [...lines.slice(0, start), ...lines.slice(end)].join("\n");
  return { prose, examples: lines.slice(start + 1, end) };
}

function* literal(lines) {
  yield ".EX";
  for (const line of lines) yield escaped(line.slice(2));
  yield ".EE";
}

/** Paragraphs; lines that are indented stay as they are. */
function* paragraphs(text) {
  for (const paragraph of text.split(/\n{2,}/).filter((each) => each.trim() !== "")) {
    yield ".PP";
    const lines = paragraph.split("\n").filter(Boolean);
    while (lines.length > 0) {
      const isIndented = lines[0].startsWith("  ");
      const other = lines.findIndex((line) => line.startsWith("  ") !== isIndented);
      const block = lines.splice(0, other < 0 ? lines.length : other);
      if (isIndented) yield* literal(block);
      else yield* block.map(escaped);
    }
  }
}

function* options(command) {
  const groups = grouped(
    help.visibleOptions(command),
    ({ helpGroupHeading = "Options:" }) => helpGroupHeading,
  );
  if (groups.size > 0) yield ".SH OPTIONS";
  for (const [heading, all] of groups) {
    if (heading !== "Options:") yield `.SS "${titled(heading)}"`;
    for (const option of all) {
      yield ".TP";
      yield bold(help.optionTerm(option));
      yield escaped(help.optionDescription(option));
    }
  }
}

function* page(command) {
  const isProgram = command === program;
  const name = isProgram ? "laminix" : `laminix-${command.name()}`;
  yield '.\\" Made by scripts/man.js. Do not edit.';
  yield `.TH "${escaped(name.toUpperCase())}" 1 "" laminix "laminix"`;
  // What is JSON or a path is not to be broken, nor spread over a line.
  yield ".nh";
  yield ".ad l";
  yield ".SH NAME";
  yield `${escaped(name)} \\- ${escaped(command.description().replace(/\.$/, ""))}`;
  yield ".SH SYNOPSIS";
  yield `${bold(isProgram ? "laminix" : `laminix ${command.name()}`)} ${escaped(command.usage())}`;
  const { prose, examples } = closing(command);
  if (prose.trim() !== "") {
    yield ".SH DESCRIPTION";
    yield* paragraphs(prose);
  }
  const described = help.visibleArguments(command);
  if (described.length > 0) yield ".SH ARGUMENTS";
  for (const argument of described) {
    yield ".TP";
    yield bold(help.argumentTerm(argument));
    yield escaped(help.argumentDescription(argument));
  }
  yield* options(command);
  if (isProgram) {
    yield ".SH COMMANDS";
    for (const [heading, all] of grouped(program.commands, (each) => each.helpGroup())) {
      yield `.SS "${titled(heading)}"`;
      for (const each of all) {
        yield ".TP";
        yield `\\fBlaminix\\-${escaped(each.name())}\\fP(1)`;
        yield escaped(each.description());
      }
    }
  }
  if (examples.length > 0) {
    yield ".SH EXAMPLES";
    yield* literal(examples);
  }
  yield ".SH SEE ALSO";
  yield isProgram ? "https://nixos.org" : "\\fBlaminix\\fP(1)";
}

const pages = new Map(
  [program, ...program.commands].map((command) => [
    command === program ? "laminix.1" : `laminix-${command.name()}.1`,
    `${[...page(command)].join("\n")}\n`,
  ]),
);

const { man = [] } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
const names = [...pages.keys()].sort();
const isListed = man.map((each) => path.basename(each)).join() === names.join();
if (process.argv.includes("--check")) {
  const isWritten = names.every((name) => {
    try {
      return readFileSync(path.join(folder, name), "utf8") === pages.get(name);
    } catch {
      return false;
    }
  });
  if (!isWritten || readdirSync(folder).length !== names.length || !isListed) {
    process.stderr.write("man/ is not what the help says: npm run man\n");
    process.exitCode = 1;
  }
} else {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, text] of pages) writeFileSync(path.join(folder, name), text);
  if (!isListed)
    process.stderr.write(
      `"man" of package.json should be\n${JSON.stringify(names.map((name) => `./man/${name}`))}\n`,
    );
}
