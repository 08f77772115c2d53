/** Findings as people read them. */
import { type ShownText, type Style, styled } from "../colour.js";
import type { Status } from "./check.js";
import type { Finding } from "./examine.js";

const STYLES: Readonly<Record<Status, Style>> = {
  ok: "done",
  limited: "warning",
  missing: "error",
  unknown: "number",
};

/** What is not there is followed by what it is needed for, and by what to do. */
export function tableOf(findings: readonly Finding[]): ShownText[] {
  const width = Math.max(...findings.map(({ feature }) => feature.length)) + 2;
  const indent = " ".repeat(width + STATUS);
  return [
    [styled("heading", `${"Feature".padEnd(width)}${"Status".padEnd(STATUS)}Found`), "\n"],
    ...findings.flatMap(({ feature, neededFor, status, found, todo }): ShownText[] => [
      [
        feature.padEnd(width),
        styled(STYLES[status], status),
        " ".repeat(STATUS - status.length),
        `${found}\n`,
      ],
      ...(status === "ok" ? [] : [`${indent}needed for: ${neededFor}\n`]),
      ...(todo === undefined ? [] : [[indent, styled("hint", "hint:"), ` ${todo}\n`]]),
    ]),
  ];
}

const STATUS = 9;
