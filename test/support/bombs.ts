/** Small inputs that took gigabytes of memory, or minutes. */
import { HeaderEncoder, type PaxRecords } from "../../dist/tar/header.js";

const encoder = new HeaderEncoder({ uid: 0, gid: 0, uname: "", gname: "" }, 0);

/** 15 MiB of empty objects. @param begin what comes before them in an object */
export function jsonBomb(begin = ""): string {
  return `{${begin}"x":[${"{},".repeat(5 << 20)}{}]}`;
}

/** A tar header, with PAX records before it. */
export function member(name: string, records: PaxRecords = [], body = Buffer.alloc(0)): Buffer {
  const entry = { type: "file", name, mode: 0o644, size: body.length, linkname: "" } as const;
  const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
  return Buffer.concat([encoder.encode(entry, records), body, padding]);
}

/** PAX records that hold for all members to come. */
export function archiveRecords(records: PaxRecords): Buffer {
  const header = member("x", records).subarray(0, -512);
  header[156] = 0x67; // "g"
  header.fill(" ", 148, 156);
  const sum = header.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** 94,000 records of the archive, and 300 members with one of their own. */
export function paxBomb(): Buffer {
  const records = Array.from({ length: 94_000 }, (_, i) => [String(i), ""] as const);
  const members = Array.from({ length: 300 }, (_, i) => member(`m${String(i)}`, [["comment", "x"]]));
  return Buffer.concat([archiveRecords(records.map(([key]) => [key, "v"])), ...members]);
}
