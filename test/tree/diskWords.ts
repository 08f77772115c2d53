import { readFileSync } from "node:fs";
import { mustRun } from "../support/run.js";

/** A folder on the disk in the words that `wordsOf` has for a tree. */
export async function diskWords(root: string): Promise<Record<string, string>> {
  const { stdout } = await mustRun("find", [root, "-mindepth", "1", "-printf", String.raw`%P\0%y\0%l\0`]);
  const fields = stdout.toString().split("\0");
  const words: Record<string, string> = {};
  const folders: string[] = [];
  for (let i = 0; i + 2 < fields.length; i += 3) {
    const name = fields[i]!;
    if (fields[i + 1] === "d") folders.push(name);
    else if (fields[i + 1] === "l") words[name] = `-> ${fields[i + 2]!}`;
    else words[name] = readFileSync(`${root}/${name}`, "utf8");
  }
  for (const folder of folders) {
    const isEmpty = ![...folders, ...Object.keys(words)].some((name) => name.startsWith(`${folder}/`));
    if (isEmpty) words[`${folder}/`] = "";
  }
  return words;
}
