import { describe, expect, test } from "vitest";
import { parseTime } from "../../dist/image/time.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";

/** What Python makes of each text: as ISO 8601, and in whole seconds; `null` where it does not take it. */
async function pythons(texts: readonly string[]): Promise<({ iso: string; seconds: number } | null)[]> {
  const script = `
import json, sys
from datetime import datetime
def moment(text):
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return {"iso": time.isoformat(), "seconds": int(time.timestamp())}
json.dump([moment(text) for text in json.load(sys.stdin)], sys.stdout)
`;
  const { stdout } = await mustRun("python3", ["-c", script], { input: JSON.stringify(texts) });
  return JSON.parse(stdout.toString()) as never;
}

const times = [
  ...[
    "1970-01-01T00:00:01Z",
    "1970-01-01T00:00:01+00:00",
    "1970-01-01T00:00:00+00:00",
    "1980-01-01T00:00:00+0000",
  ],
  ...[
    "2024-02-29T23:59:59+00:00",
    "2000-02-29T00:00:00Z",
    "2038-01-19T03:14:08Z",
    "2100-12-31T23:59:59.999999Z",
  ],
  ...["1969-12-31T23:59:59Z", "1900-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "9999-12-31T23:59:59Z"],
  ...[
    "2020-05-17 10:20:30+02:00",
    "2020-05-17T10:20:30-05:30",
    "2020-05-17T10:20:30+05",
    "2020-05-17T10:20:30+0530",
  ],
  ...[
    "2020-05-17T10:20+00:00",
    "2020-05-17T10:20:30-00:00",
    "2020-05-17T10:20:30+14:00",
    "2020-05-17T00:20:30+23:59",
  ],
  ...[
    "2020-05-17T10:20:30.1Z",
    "2020-05-17T10:20:30.123456Z",
    "2020-05-17T10:20:30.123456789Z",
    "2020-05-17T10:20:30,5Z",
  ],
  ...["2020-05-17T10:20:30.000000Z", "2020-05-17T10:20:30.000001+01:00"],
];

const wrong = [
  ...[
    "",
    "yesterday",
    "1970",
    "1970-1-1",
    "2020-02-30T00:00:00Z",
    "2019-02-29T00:00:00Z",
    "2020-13-01T00:00:00Z",
  ],
  ...["2020-00-01T00:00:00Z", "2020-01-00T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T00:60:00Z"],
  ...["2020-01-01T00:00:60Z", "2020-01-01T00:00:00+24:00"],
  ...["0000-01-01T00:00:00Z", "2020-01-01T00:00:00+0", "2020-01-01T00:00:00UTC", "20200-01-01T00:00:00Z"],
];

describeWith(["python3"], "a time", () => {
  test("is what Python reads, printed as Python prints it", async () => {
    const random = new Random(12);
    const two = (limit: number, from = 0): string => String(from + random.below(limit)).padStart(2, "0");
    const some = Array.from({ length: 500 }, () => {
      const zone = random.pick(["Z", "+00:00", "-00:00", `${random.pick(["+", "-"])}${two(24)}:${two(60)}`]);
      return `${1000 + random.below(8999)}-${two(12, 1)}-${two(28, 1)}T${two(24)}:${two(60)}:${two(60)}${zone}`;
    });
    const all = [...times, ...some];
    const expected = await pythons(all);
    for (const [i, text] of all.entries())
      expect([text, parseTime(text, "created")]).toEqual([text, expected[i]]);
  });

  test("is refused where Python refuses it, and the error says whose it is", async () => {
    expect(await pythons(wrong)).toEqual(wrong.map(() => null));
    for (const text of wrong) {
      expect(() => parseTime(text, "mtime"), text).toThrow(
        expect.objectContaining({ code: "ERR_SPEC", details: { key: "mtime" }, hint: expect.any(String) }),
      );
    }
  });
});

describe("a time", () => {
  test("without an offset is in UTC, whatever this machine's zone", () => {
    expect(parseTime("2020-05-17T10:20:30", "created").iso).toBe("2020-05-17T10:20:30+00:00");
    expect(parseTime("2020-05-17", "created").iso).toBe("2020-05-17T00:00:00+00:00");
  });

  test("may be a number of Unix seconds, as SOURCE_DATE_EPOCH has it", () => {
    expect(parseTime("@0", "created")).toEqual({ iso: "1970-01-01T00:00:00+00:00", seconds: 0 });
    expect(parseTime("@4102444800", "created")).toEqual({
      iso: "2100-01-01T00:00:00+00:00",
      seconds: 4102444800,
    });
  });

  test("may be now", () => {
    const before = Math.trunc(Date.now() / 1000);
    const { iso, seconds } = parseTime("now", "created");
    expect(seconds).toBeGreaterThanOrEqual(before);
    expect(iso).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
  });
});
