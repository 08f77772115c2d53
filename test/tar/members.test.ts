import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { HeaderEncoder } from "../../dist/tar/header.js";
import { type TarMember, tarMembers } from "../../dist/tar/members.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

function membersIn(bytes: Buffer): TarMember[] {
  const read = (target: Buffer, length: number, position: number): number =>
    position >= bytes.length ? 0 : bytes.copy(target, 0, position, Math.min(bytes.length, position + length));
  return [...tarMembers({ size: bytes.length, read }, "it")];
}

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

/** What Python's `tarfile` reads, as our members would tell it. Its names of folders have lost their slash. */
async function pythonMembers(path: string): Promise<unknown[]> {
  const script = `
import json, sys, tarfile
text = lambda s: s.encode("utf-8", "surrogateescape").decode("latin-1")
types = {b"0": "file", b"\\0": "file", b"7": "file", b"1": "hardlink", b"2": "symlink", b"3": "character", b"4": "block", b"5": "directory", b"6": "fifo"}
members = []
for m in tarfile.open(sys.argv[1], encoding="utf-8", errors="surrogateescape"):
    device = m.type in (tarfile.CHRTYPE, tarfile.BLKTYPE)
    members.append({
        "name": text(m.name), "type": types[m.type],
        "linkname": text(m.linkname) if m.issym() or m.islnk() else "",
        "mode": m.mode & 0o7777, "uid": m.uid, "gid": m.gid, "uname": text(m.uname), "gname": text(m.gname),
        "mtime": m.mtime, "size": m.size if m.isreg() else 0,
        "devmajor": m.devmajor if device else 0, "devminor": m.devminor if device else 0,
        "pax": [[k, text(v)] for k, v in m.pax_headers.items()], "offset": m.offset_data})
print(json.dumps(members))
`;
  const { stdout } = await mustRun("python3", ["-c", script, path]);
  return JSON.parse(stdout.toString()) as unknown[];
}

async function expectAsPython(path: string): Promise<TarMember[]> {
  const members = membersIn(readFileSync(path));
  const same = members.map((member) => ({
    ...member,
    ...{ name: member.name.replace(/\/$/, ""), pax: member.pax.all },
  }));
  expect(same).toEqual(await pythonMembers(path));
  return members;
}

/** A folder with everything that a tar can tell, as far as a user may make it. */
async function oddFolder(folder: TemporaryFolder): Promise<string> {
  const root = folder.join("tree");
  await mkdir(root);
  const script = `
set -e
mkdir -p folder/inner
echo one > folder/one; printf '' > empty; head -c 3000 /dev/zero > large
ln folder/one hard; ln -s folder/one soft; mkfifo fifo
chmod 4755 folder/one; chmod 1777 folder/inner
touch -d '2001-02-03 04:05:06.123456789Z' empty
mkdir -p "$(printf 'd%.0s' $(seq 90))"; echo x > "$(printf 'd%.0s' $(seq 90))/$(printf 'f%.0s' $(seq 60))"
`;
  await mustRun("bash", ["-c", script], { cwd: root });
  return root;
}

/** What the other formats have and version 7's has not. */
const beyondV7 = `
set -e
echo x > "$(printf 'n%.0s' $(seq 200))"; ln -s "$(printf 'l%.0s' $(seq 150))" longlink
echo x > 'Grüße'; echo x > "$(printf '\\377\\376')"
`;

describeWith(["tar", "python3", "bash"], "the members of a tar archive", () => {
  for (const format of ["v7", "ustar", "gnu", "oldgnu", "pax"]) {
    test(`are told as Python tells them, of GNU tar's ${format} format`, async () => {
      await using folder = await temporaryFolder();
      const root = await oddFolder(folder);
      if (format === "v7") await mustRun("bash", ["-c", "rm -r ddd* fifo"], { cwd: root });
      else if (format !== "ustar") await mustRun("bash", ["-c", beyondV7], { cwd: root });
      const archive = folder.join("it.tar");
      await mustRun("tar", ["--format", format, "--sort=name", "-cf", archive, "."], { cwd: root });
      const members = await expectAsPython(archive);
      expect(members.length).toBeGreaterThan(7);
      const empty = members.find(({ name }) => name === "./empty");
      expect(empty?.mtime).toBe(format === "pax" ? 981173106.1234568 : 981173106);
    });
  }

  testWith(["bsdtar"], "are told as Python tells them, of bsdtar's archives", async () => {
    await using folder = await temporaryFolder();
    const root = await oddFolder(folder);
    await mustRun("bash", ["-c", beyondV7], { cwd: root });
    for (const format of ["pax", "ustar", "gnutar"]) {
      const archive = folder.join(`${format}.tar`);
      const exclude = format === "ustar" ? ["--exclude", "nnn*", "--exclude", "longlink"] : [];
      await mustRun("bsdtar", ["--format", format, ...exclude, "-cf", archive, "."], {
        cwd: root,
        env: { LC_ALL: "C.UTF-8" },
      });
      const members = membersIn(readFileSync(archive));
      // Python does not tell which of bsdtar's names are not UTF-8.
      const python = (await pythonMembers(archive)) as { name: string; offset: number; size: number }[];
      expect(members.map(({ offset, size }) => [offset, size])).toEqual(
        python.map(({ offset, size }) => [offset, size]),
      );
      expect(members.map(({ name }) => name)).toContain(utf8("./Grüße"));
    }
  });

  test("have devices, large ids and negative times, in base 256 and in PAX records", async () => {
    await using folder = await temporaryFolder();
    const script = `
import sys, tarfile
for name, format in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
    with tarfile.open(f"{sys.argv[1]}/{name}.tar", "w", format=format) as archive:
        for type in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CONTTYPE):
            info = tarfile.TarInfo("n" + type.decode())
            info.type, info.devmajor, info.devminor = type, 8, 1048575
            info.uid, info.gid, info.mtime = 2**31, 2**32 - 2, -5
            info.uname, info.gname = "ü" * 12, "wheel"
            archive.addfile(info)
        info = tarfile.TarInfo("large")
        info.size, info.mtime = 5, 8**11 + 5
        archive.addfile(info, open("/dev/zero", "rb"))
`;
    await mustRun("python3", ["-c", script, folder.path]);
    for (const format of ["gnu", "pax"]) {
      const members = await expectAsPython(folder.join(`${format}.tar`));
      expect(members.map(({ type }) => type)).toEqual([
        ...["character", "block", "fifo", "directory", "file", "file"],
      ]);
      expect(members[0]).toMatchObject({ uid: 2 ** 31, mtime: -5, devmajor: 8, devminor: 1048575 });
    }
  });

  test("have the archive's records under their own, and keep bytes that are no text", async () => {
    const value = Buffer.from([1, 0, 0, 2, 0xff, 0x0a, 0x3d, 0, 0]).toString("latin1");
    const members = membersIn(
      archive(
        pax("g", "comment", "all", "mtime", "5", "uname", "everyone"),
        pax("x", "SCHILY.xattr.security.capability", value, "uname", "", "mtime", "7.25"),
        plainHeader("one"),
        plainHeader("two"),
      ),
    );
    expect(members.map(({ name, mtime, uname }) => [name, mtime, uname])).toEqual([
      ["one", 7.25, "root"],
      ["two", 5, "everyone"],
    ]);
    expect(members[0]!.pax.all).toContainEqual(["SCHILY.xattr.security.capability", value]);
    expect(members[0]!.pax.all).toContainEqual(["comment", "all"]);
    expect(members[1]!.pax.all).not.toContainEqual(["SCHILY.xattr.security.capability", value]);
  });

  test("are read without their bodies", async () => {
    await using folder = await temporaryFolder();
    await mustRun(
      "sh",
      [
        "-c",
        "truncate -s 200M hole; echo x > last; tar --format=pax -cf - hole last | cp --sparse=always /dev/stdin it.tar",
      ],
      {
        cwd: folder.path,
      },
    );
    const fd = openSync(folder.join("it.tar"), "r");
    let bytesRead = 0;
    const read = (target: Buffer, length: number, position: number): number => {
      bytesRead += length;
      return readSync(fd, target, 0, length, position);
    };
    const members = [...tarMembers({ size: fstatSync(fd).size, read }, "it")];
    closeSync(fd);
    expect(members.map(({ name }) => name)).toEqual(["hole", "last"]);
    expect(members[0]!.size).toBe(200 * 2 ** 20);
    expect(bytesRead).toBeLessThan(1 << 18);
  });

  test("may have a checksum whose bytes were added up as signed ones", () => {
    const bytes = Buffer.from(plainHeader("name"));
    bytes.write("\xff\xfe\xfd", 0, "latin1");
    bytes.fill(" ", 148, 156);
    const sum = new Int8Array(bytes).reduce((all, byte) => all + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    expect(membersIn(bytes).map(({ name }) => name)).toEqual(["\xff\xfe\xfde"]);
  });

  test("end at a block of zeros, or at the end of what there is", () => {
    const header = plainHeader("one");
    expect(membersIn(Buffer.alloc(0))).toEqual([]);
    expect(membersIn(Buffer.alloc(512))).toEqual([]);
    expect(membersIn(header)).toHaveLength(1);
    expect(membersIn(Buffer.concat([header, Buffer.alloc(512), header]))).toHaveLength(1);
  });

  test("are refused when only GNU tar understands them", async () => {
    await using folder = await temporaryFolder();
    await mustRun("truncate", ["-s", "1M", folder.join("hole")]);
    for (const format of ["gnu", "pax"]) {
      const { stdout } = await mustRun("tar", ["--format", format, "-Scf", "-", "hole"], {
        cwd: folder.path,
      });
      expect(() => membersIn(stdout)).toThrow(
        expect.objectContaining({ code: "ERR_UNSUPPORTED", message: expect.stringContaining("hole") }),
      );
    }
  });

  const whole = (): Buffer =>
    archive(
      pax("x", "path", "long".repeat(100)),
      plainHeader("one", 600),
      Buffer.alloc(1024),
      plainHeader("two"),
    );

  test("are refused where the archive is cut off", () => {
    const bytes = whole();
    const bodyEnd = 512 * 3 + 600;
    // The last body is whole without its padding.
    expect(membersIn(bytes.subarray(0, bodyEnd))).toHaveLength(1);
    for (let length = 1; length < bodyEnd; length += 13) {
      expect(() => membersIn(bytes.subarray(0, length)), String(length)).toThrow(
        expect.objectContaining({ code: "ERR_ARCHIVE" }),
      );
    }
  });

  test("are refused, or are as they were, whichever byte of a header is changed", () => {
    const bytes = whole();
    const before = membersIn(bytes);
    const headers = [0, 1024, 512 * 5].flatMap((start) => Array.from({ length: 512 }, (_, i) => start + i));
    let refused = 0;
    for (const at of headers) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x11;
      let after: TarMember[];
      try {
        after = membersIn(changed);
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_ARCHIVE" });
        refused++;
        continue;
      }
      expect(after).toEqual(before);
    }
    expect(refused).toBeGreaterThan(512 * 3 - 10);
  });

  const header = (change: (block: Buffer) => void): Buffer => {
    const block = Buffer.from(plainHeader("one"));
    change(block);
    return summed(block);
  };
  test.each<[string, Buffer]>([
    ["a negative size", header((block) => block.fill(0xff, 124, 136))],
    ["a size that no number can hold", header((block) => block.fill(0xbf, 124, 136))],
    ["a size beyond the archive", header((block) => block.write("77777777777", 124))],
    ["a size that is no number", header((block) => block.write("0000000009z", 124))],
    [
      "a long name of a gigabyte",
      header((block) => block.write("10000000000", 124) && block.write("L", 156)),
    ],
    ["a PAX record that is too short", archive(pax("x").subarray(0, 512), padTo("5 a=b\n"))],
    ["a PAX record with a zero in its path", archive(pax("x", "path", "a\0b"), plainHeader("one"))],
    ["a PAX size that is no number", archive(pax("x", "size", "0x10"), plainHeader("one"))],
    ["a negative PAX size", archive(pax("x", "size", "-1"), plainHeader("one"))],
    ["PAX records at its end", archive(pax("x", "path", "a"))],
    ["text", Buffer.from("text ".repeat(1000))],
    [
      "more PAX records than can be kept",
      archive(
        ...Array.from({ length: 3 }, (_, i) => pax("g", `key${String(i)}`, "v".repeat(600_000))),
        plainHeader("one"),
      ),
    ],
  ])("are refused with %s", (_, bytes) => {
    expect(() => membersIn(bytes)).toThrow(
      expect.objectContaining({ code: "ERR_ARCHIVE", details: expect.objectContaining({ path: "it" }) }),
    );
  });
});

function archive(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function plainHeader(name: string, size = 0): Buffer {
  const encoder = new HeaderEncoder({ uid: 0, gid: 0, uname: "root", gname: "root" }, 1);
  const header = encoder.encode({ type: "file", name, mode: 0o644, size, linkname: "" });
  // The name's own PAX record is left out: tests say what comes before.
  return header.subarray(header.length - 512);
}

function padTo(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** A block of records of keywords and values, `x` or `g`. */
function pax(flag: string, ...pairs: readonly string[]): Buffer {
  let records = "";
  for (let i = 0; i < pairs.length; i += 2) {
    const rest = ` ${pairs[i]!}=${pairs[i + 1]!}\n`;
    let length = rest.length;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    records += `${String(length)}${rest}`;
  }
  const header = Buffer.from(plainHeader("././@PaxHeader", records.length));
  header.write(flag, 156, "latin1");
  return Buffer.concat([summed(header), padTo(records)]);
}

function summed(block: Buffer): Buffer {
  block.fill(" ", 148, 156);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
