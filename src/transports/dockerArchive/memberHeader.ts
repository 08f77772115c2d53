/**
 * A member of one archive as it is written into another by Python's `tarfile`: everything kept, in PAX format.
 */
import { HeaderEncoder } from "../../tar/header.js";
import type { TarMember } from "../../tar/members.js";

export function canonicalHeader(member: TarMember): Buffer {
  const { name, type, pax } = member;
  const encoder = new HeaderEncoder(member, roundHalfEven(member.mtime));
  const folder = type === "directory" && !name.endsWith("/") ? `${name}/` : name;
  return Buffer.from(encoder.encode({ ...member, name: folder }, pax.all));
}

/** Python's `round`. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
