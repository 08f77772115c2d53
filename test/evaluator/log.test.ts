import { describe, expect, test } from "vitest";
import { type LogLine, logReader } from "../../dist/evaluator/log.js";
import { Transcript } from "../../dist/evaluator/transcript.js";

const json = (fields: object): string => `@nix ${JSON.stringify(fields)}`;

/** One line, the first. */
const parse = (line: string): LogLine => logReader()(line);

describe("a line of Nix's log", () => {
  test("of a newer Nix has an error's place by the name that the old one prints", () => {
    const line = json({
      action: "msg",
      level: 0,
      msg: "\u001b[31;1merror:\u001b[0m\n       … while calling\n\n       \u001b[31;1merror:\u001b[0m bad",
      raw_msg: "\u001b[35;1mbad\u001b[0m",
      file: "«stdin»",
      line: 3,
      column: 4,
      trace: [
        { raw_msg: "while calling the 'map' builtin", file: "/a.nix", line: 1, column: 2 },
        { raw_msg: "while evaluating", file: null, line: null, column: null },
      ],
    });
    expect(parse(line).error).toEqual({
      message: "bad",
      position: { file: "«stdin»", line: 3, column: 4 },
      trace: [
        { message: "while calling the 'map' builtin", position: { file: "/a.nix", line: 1, column: 2 } },
        { message: "while evaluating" },
      ],
      text: "error:\n       … while calling\n\n       error: bad",
    });
  });

  test("may be a warning that is as well described as an error", () => {
    const line = json({ action: "msg", level: 1, msg: "warning: old", raw_msg: "old" });
    expect(parse(line)).toEqual({ event: { type: "message", level: "warning", text: "old" } });
  });

  test("may be plain text, as from a program that ends before it knows better", () => {
    const { event, error } = parse("error: no such setting\u001b[0m");
    expect(event).toEqual({ type: "message", level: "error", text: "no such setting" });
    expect(error).toMatchObject({ message: "no such setting", trace: [] });
    expect(parse("hello").event).toEqual({ type: "message", level: "info", text: "hello" });
  });

  test("may be an error that a daemon passes on as text, with its place", () => {
    const msg = "error: bad thing\n\n       at /a b/c.nix:10:20:\n\n            9| x\n";
    expect(parse(json({ action: "msg", level: 0, msg })).error).toEqual({
      message: "bad thing",
      position: { file: "/a b/c.nix", line: 10, column: 20 },
      trace: [],
      text: msg,
    });
  });

  test("tells activities apart whose identifiers differ in the last of 64 bits", () => {
    const read = logReader();
    const ids = ["18446744073709551614", "18446744073709551615"];
    for (const id of ids)
      read(`@nix {"action":"start","id":${id},"level":3,"type":105,"text":"${id}","parent":0}`);
    expect(ids.map((id) => read(`@nix {"action":"stop","id":${id}}`).event)).toEqual(
      ids.map((id) => ({ type: "stop", activity: { id: BigInt(id), kind: "build", text: id } })),
    );
  });

  test.each([
    "@nix",
    "@nix {",
    "@nix null",
    "@nix 5",
    "@nix {}",
    '@nix {"action":"dance"}',
    '@nix {"action":"msg"}',
    '@nix {"action":"msg","msg":5,"level":"x","raw_msg":{},"trace":{}}',
    '@nix {"action":"start","fields":7,"type":"x"}',
    '@nix {"action":"result","type":101}',
    '@nix {"action":"result","type":105,"fields":["a",null]}',
    '@nix {"action":"result","type":9999}',
  ])("in no known form harms nobody: %s", (line) => {
    expect(() => parse(line)).not.toThrow();
  });
});

test("a failed build is found in the words of a newer Nix too, without its log in them", () => {
  const transcript = new Transcript(undefined);
  const drv = `/nix/store/${"0".repeat(32)}-bad.drv`;
  transcript.add(json({ action: "start", id: 1, type: 105, text: "building", fields: [drv, "", 1, 1] }));
  transcript.add(json({ action: "result", id: 1, type: 101, fields: ["it broke"] }));
  const reason = "Reason: builder failed with exit code 1.";
  const msg = `error: Cannot build '${drv}'.\n       ${reason}\n       Last 1 log lines:\n       > it broke`;
  transcript.add(json({ action: "msg", level: 0, msg }));
  transcript.add(
    json({
      action: "msg",
      level: 0,
      msg: `error: Cannot build '/x.drv'.`,
      raw_msg: "Cannot build '/x.drv'.",
    }),
  );
  expect(transcript.failedBuilds()).toEqual([
    { derivation: drv, message: `Cannot build '${drv}'.\n       ${reason}`, log: ["it broke"] },
  ]);
});
