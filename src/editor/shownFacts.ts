/** Facts as a hover and a report show them, in Markdown or as plain text. */

/** Text of ours, or a text of somebody else's, which is shown as it is. */
export type Part = string | { readonly code: string };

export interface ShownFact {
  readonly label: string;
  readonly parts: readonly Part[];
}

export interface ShownFacts {
  readonly title: string;
  /** Behind the title. */
  readonly about: string;
  readonly facts: readonly ShownFact[];
}

export function asMarkdown({ title, about, facts }: ShownFacts): string {
  const heading = `**${escaped(title)}**${about === "" ? "" : ` ${escaped(about)}`}`;
  const lines = facts.map(({ label, parts }) => `- ${label}: ${parts.map(marked).join("")}`);
  return [heading, "", ...lines].join("\n");
}

export function asPlainText({ title, about, facts }: ShownFacts): string {
  const width = Math.max(0, ...facts.map(({ label }) => label.length)) + 2;
  const lines = facts.map(({ label, parts }) => {
    const text = parts.map((part) => (typeof part === "string" ? part : visible(part.code))).join("");
    return `${`${label}:`.padEnd(width)}${text}`;
  });
  return [`${title}${about === "" ? "" : ` ${about}`}`, ...lines].join("\n");
}

function marked(part: Part): string {
  return typeof part === "string" ? escaped(part) : quoted(visible(part.code));
}

/** A span of code is closed by as many backticks as opened it (CommonMark 0.31, "Code spans"). */
function quoted(text: string): string {
  const longest = Math.max(0, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const pad = /^`|`$/.test(text) ? " " : "";
  return `${fence}${pad}${text}${pad}${fence}`;
}

function escaped(text: string): string {
  return visible(text).replaceAll(/[\\`*_{}[\]<>#|~]/g, String.raw`\$&`);
}

/** Names and links may hold line feeds, and what an editor would obey. */
function visible(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}
