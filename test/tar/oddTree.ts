import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";

const bytes = (place: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${place}/`), name]);

/** Writes a folder with all that makes names, links and files hard to put into an archive. */
export function writeOddTree(place: string): void {
  mkdirSync(place);
  writeFileSync(`${place}/empty`, "");
  writeFileSync(`${place}/program`, "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(`${place}/block`, "b".repeat(512));
  writeFileSync(`${place}/more`, "m".repeat(513));
  writeFileSync(`${place}/large`, Buffer.alloc((1 << 20) + 12345, "l"));
  mkdirSync(`${place}/.hidden/empty folder`, { recursive: true });
  mkdirSync(`${place}/b/c`, { recursive: true });
  writeFileSync(`${place}/b-c`, "sorts after b and what is in it");
  writeFileSync(`${place}/b.c`, "");

  const deep = `${place}/${"long-folder-name/".repeat(8)}`;
  mkdirSync(deep, { recursive: true });
  writeFileSync(`${deep}${"long-file-name-".repeat(10)}`, "long");
  symlinkSync("../".repeat(60), `${place}/long-link`);

  writeFileSync(`${place}/Grüße`, "non-ASCII");
  writeFileSync(`${place}/\u{ffff}`, "the last of the basic plane");
  writeFileSync(`${place}/🎉`, "astral, sorted after it");
  symlinkSync("日本語/🎉", `${place}/l-ïnk`);
  writeFileSync(`${place}/one\ntwo`, "newline");
  symlinkSync("line\nline", `${place}/new\nline`);
  writeFileSync(`${place}/back\\slash "quoted" 'name'`, "");

  writeFileSync(bytes(place, Buffer.from([0xff, 0x41, 0xfe])), "not UTF-8");
  writeFileSync(bytes(place, Buffer.from("na\xefve", "latin1")), "Latin-1");
  mkdirSync(bytes(place, Buffer.from([0xe2, 0x82])));
  writeFileSync(bytes(place, Buffer.from([0xe2, 0x82, 0x2f, 0x78])), "below");
  symlinkSync(Buffer.from([0xff, 0xfe]), bytes(place, Buffer.from([0x6c, 0x80])));

  linkSync(`${place}/more`, `${place}/more-again`);
  symlinkSync("nowhere", `${place}/dangling`);
  symlinkSync("b", `${place}/folder-link`);
}
