/** Points in time as image configurations have them: ISO 8601 with an offset. */
import { LaminixError } from "../errors.js";

export interface Time {
  /** As Python's `datetime.isoformat` prints it: `1970-01-01T00:00:01+00:00`, the offset kept as it was given. */
  readonly iso: string;
  /** Whole Unix seconds. */
  readonly seconds: number;
}

const pattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?$/;

/**
 * @param text `now`, `@SECONDS`, or ISO 8601; without an offset it is taken as UTC
 * @param name whose value it is, for the error
 * @throws {LaminixError} ERR_SPEC
 */
export function parseTime(text: string, name: string): Time {
  if (text === "now") return nowTime();
  if (/^@\d{1,12}$/.test(text)) return unixTime(Number(text.slice(1)));
  const match = pattern.exec(text);
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = "Z"] =
    match ?? [];
  const given = `${zone.slice(0, 3)}:${zone.slice(3).replace(":", "") || "00"}`;
  const offset = zone === "Z" || given === "-00:00" ? "+00:00" : given;
  const date = `${String(year)}-${String(month)}-${String(day)}`;
  const time = `${hour}:${minute}:${second}`;
  const utc = Date.parse(`${date}T${time}Z`);
  // Date.parse lets 30 February pass as 2 March, and knows a year 0; Python does not.
  if (!match || year === "0000" || Number.isNaN(utc) || new Date(utc).toISOString().slice(0, 10) !== date) {
    throw new LaminixError("ERR_SPEC", `${name} is not a time: ${JSON.stringify(text)}`, {
      hint: 'write it like "1970-01-01T00:00:01Z", or "now"',
      details: { key: name },
    });
  }
  const micros = fraction === "" ? "" : fraction.slice(0, 6).padEnd(6, "0");
  const shift =
    (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4))) * (offset.startsWith("-") ? -60 : 60);
  const exact = utc / 1000 - shift + Number(micros || "0") / 1e6;
  return {
    iso: `${date}T${time}${/[1-9]/.test(micros) ? `.${micros}` : ""}${offset}`,
    seconds: Math.trunc(exact) || 0, // not -0
  };
}

/** Unix seconds: the time that files in a Nix store have, and here all that has no time of its own. */
export const STORE_TIME = 1;

/** @param seconds Unix seconds */
export function unixTime(seconds: number): Time {
  return { iso: new Date(seconds * 1000).toISOString().replace(/\.000Z$/, "+00:00"), seconds };
}

function nowTime(): Time {
  const now = Date.now();
  const iso = new Date(now).toISOString().replace(/\.(\d{3})Z$/, ".$1000+00:00");
  return { iso, seconds: Math.trunc(now / 1000) };
}
