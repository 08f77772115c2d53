// Writes docs/reference.md: every public export with its declaration and its documentation, out of dist/index.d.ts.
//
//   node scripts/reference.js           writes it
//   node scripts/reference.js --check   fails if it is not what would be written

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

const root = path.resolve(import.meta.dirname, "..");
const target = path.join(root, "docs/reference.md");
const entry = path.join(root, "dist/index.d.ts");

const program = ts.createProgram([entry], {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ESNext,
  types: ["node"],
});
const checker = program.getTypeChecker();
const source = program.getSourceFile(entry);
const module = source && checker.getSymbolAtLocation(source);
if (!module) throw new Error("build first: npm run build:ts");

/** A symbol as it was declared, not as it is passed on. */
function declared(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** The declaration as code, without private members; what is derived from a constant is written out. */
function code(declaration) {
  const file = declaration.getSourceFile();
  if (ts.isTypeAliasDeclaration(declaration) && declaration.type.getText(file).includes("typeof ")) {
    const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias;
    const type = checker.typeToString(checker.getTypeAtLocation(declaration), declaration, flags);
    return `type ${declaration.name.text} = ${type};`;
  }
  const statement = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  const members = ts.isClassDeclaration(declaration) ? declaration.members : [];
  let text = statement.getText(file);
  for (const member of members) {
    const isPrivate =
      ts.isPrivateIdentifier(member.name ?? member) ||
      (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) !== 0;
    if (isPrivate) text = text.replace(`${member.getFullText(file)}`, "");
  }
  return text.replace(/^export declare /, "").replace(/^export /, "");
}

function documentation(symbol) {
  const lines = [ts.displayPartsToString(symbol.getDocumentationComment(checker))];
  for (const { name, text } of symbol.getJsDocTags(checker)) {
    const said = ts.displayPartsToString(text).replace(/\s*\n\s*/g, " ");
    lines.push(`- _${name}_ ${said}`);
  }
  return lines
    .filter(Boolean)
    .join("\n\n")
    .replace(/\n\n- /g, "\n- ")
    .replace(/^- /, "- ");
}

const rooms = new Map();
for (const exported of checker.getExportsOfModule(module)) {
  const symbol = declared(exported);
  const [declaration] = symbol.declarations ?? [];
  if (!declaration) continue;
  const file = path.relative(path.join(root, "dist"), declaration.getSourceFile().fileName);
  const room = file.includes("/") ? file.split("/")[0] : "errors";
  const entries = rooms.get(room) ?? [];
  entries.push({ name: exported.name, code: code(declaration), documentation: documentation(symbol) });
  rooms.set(room, entries);
}

const order = ["store", "evaluator", "nar", "builders", "image", "layering", "transports", "errors"];
const sorted = [...rooms].sort(([one], [other]) => rank(one) - rank(other) || one.localeCompare(other));
function rank(room) {
  const at = order.indexOf(room);
  return at < 0 ? order.length : at;
}

let text =
  "# Reference\n\nMade from the declarations by `npm run reference`; the pages beside this one explain.\n";
for (const [room, entries] of sorted) {
  text += `\n## ${room}\n`;
  for (const entry of entries.sort((one, other) => one.name.localeCompare(other.name))) {
    text += `\n### ${entry.name}\n\n${entry.documentation ? `${entry.documentation}\n\n` : ""}`;
    text += `\`\`\`ts\n${entry.code}\n\`\`\`\n`;
  }
}

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== text) {
    console.error("docs/reference.md is out of date: npm run reference");
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
