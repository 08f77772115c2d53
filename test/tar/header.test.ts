import { expect, test } from "vitest";
import { type Entry, type EntryType, HeaderEncoder } from "../../dist/tar/header.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";

/** An entry with its owner; every text is a byte string. */
interface Case extends Entry {
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly mtime: number;
}

const plain: Case = {
  type: "file",
  name: "/nix/store/file",
  mode: 0o444,
  size: 5,
  linkname: "",
  uid: 0,
  gid: 0,
  uname: "root",
  gname: "root",
  mtime: 1,
};

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

/** What Python's `tarfile` makes of the same entries. */
async function pythonHeaders(cases: readonly Case[]): Promise<Buffer[]> {
  const script = `
import json, sys, tarfile
text = lambda bytes: bytes.encode("latin-1").decode("utf-8", "surrogateescape")
types = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE,
         "character": tarfile.CHRTYPE, "block": tarfile.BLKTYPE, "fifo": tarfile.FIFOTYPE}
for case in json.load(sys.stdin):
    info = tarfile.TarInfo(text(case["name"]).removesuffix("/"))
    info.type, info.linkname = types[case["type"]], text(case["linkname"])
    info.uname, info.gname = text(case["uname"]), text(case["gname"])
    info.mode, info.size, info.uid, info.gid, info.mtime = (case[k] for k in ("mode", "size", "uid", "gid", "mtime"))
    info.devmajor, info.devminor = case.get("devmajor", 0), case.get("devminor", 0)
    print(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape").hex())
`;
  const { stdout } = await mustRun("python3", ["-c", script], { input: JSON.stringify(cases) });
  return stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => Buffer.from(line, "hex"));
}

/** The same header by both ways to get one; the target of `write` is full of other bytes before. */
function encode(entry: Case): Buffer {
  const encoder = new HeaderEncoder(entry, entry.mtime);
  const encoded = encoder.encode(entry);
  const target = Buffer.alloc(encoder.roomFor(entry) + 7, 0xff);
  const end = encoder.write(target, 7, entry);
  expect(target.subarray(7, end).equals(encoded)).toBe(true);
  return encoded;
}

async function expectPythons(cases: readonly Case[]): Promise<void> {
  const expected = await pythonHeaders(cases);
  expect(expected).toHaveLength(cases.length);
  for (const [i, entry] of cases.entries()) {
    expect(encode(entry).toString("latin1"), JSON.stringify(entry)).toBe(expected[i]!.toString("latin1"));
  }
}

const names: Readonly<Record<string, string>> = {
  "a short one": "a",
  "99 bytes": "/".padEnd(99, "n"),
  "100 bytes": "/".padEnd(100, "n"),
  "101 bytes": "/".padEnd(101, "n"),
  "1000 bytes": "/".padEnd(1000, "n"),
  "non-ASCII": utf8("/Grüße/日本語"),
  "non-ASCII of 100 characters and more bytes": utf8("/".padEnd(100, "é")),
  "non-ASCII beyond 100 characters": utf8("/".padEnd(150, "é")),
  astral: utf8("/🎉/𝔘"),
  "a newline": "/one\ntwo",
  "what looks like a PAX record": "/x\n30 mtime=1234567890\n",
  "bytes that are not UTF-8": "/\xff\xfe",
  "Latin-1": "/na\xefve",
  "half a sequence": "/\xe2\x82",
  "an encoded surrogate": "/\xed\xa0\x80",
  "an overlong slash": "/\xc0\xaf",
  "bytes beyond Unicode": "/\xf4\x90\x80\x80",
  "UTF-8 and other bytes": `${utf8("/ü")}\xff${utf8("🎉")}`,
  "a control character": "/\x01\x7f",
};

describeWith(["python3"], "a header has the bytes that Python's tarfile writes", () => {
  for (const [what, name] of Object.entries(names)) {
    test(`for a name with ${what}`, async () => {
      await expectPythons([
        { ...plain, name },
        { ...plain, type: "directory", mode: 0o555, size: 0, name: `${name}/` },
        { ...plain, type: "symlink", mode: 0o777, size: 0, linkname: name },
        { ...plain, type: "hardlink", size: 0, linkname: name },
        { ...plain, type: "symlink", mode: 0o777, size: 0, name, linkname: name },
      ]);
    });
  }

  test("for a directory whose name has 100 bytes only with its slash, and one where that makes 101", async () => {
    await expectPythons(
      [98, 99, 100, 101].map((length): Case => {
        return { ...plain, type: "directory", size: 0, name: `${"/".padEnd(length, "d")}/` };
      }),
    );
  });

  test("for every name length around the block size, where the length of a PAX record counts itself", async () => {
    const lengths = Array.from({ length: 1100 }, (_, i) => i + 1);
    await expectPythons(lengths.map((length): Case => ({ ...plain, name: "n".repeat(length) })));
  });

  test("for owners' names that are empty, long, not ASCII or not UTF-8", async () => {
    const owners = [
      "",
      "o",
      "o".repeat(31),
      "o".repeat(32),
      "o".repeat(33),
      utf8("jürgen"),
      "\xff",
      utf8("🎉"),
    ];
    await expectPythons([
      ...owners.map((uname): Case => ({ ...plain, uname })),
      ...owners.map((gname): Case => ({ ...plain, gname })),
      ...owners.map((both): Case => ({ ...plain, uname: both, gname: both })),
    ]);
  });

  test("for owners' numbers up to and over 8^7", async () => {
    const ids = [0, 1, 8 ** 7 - 1, 8 ** 7, 8 ** 7 + 1, 2 ** 31, 2 ** 32 - 2];
    await expectPythons(
      ids.flatMap((id): Case[] => [
        { ...plain, uid: id },
        { ...plain, gid: id },
      ]),
    );
  });

  test("for sizes up to and over 8 GiB", async () => {
    const sizes = [0, 1, 511, 512, 2 ** 31, 2 ** 32, 8 ** 11 - 1, 8 ** 11, 8 ** 11 + 1, 2 ** 50];
    await expectPythons(sizes.map((size): Case => ({ ...plain, size })));
  });

  test("for times before 1970, after 2038 and beyond 8^11 seconds", async () => {
    const times = [0, -1, -(2 ** 31) - 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 8 ** 11 - 1, 8 ** 11, 8 ** 11 + 1];
    await expectPythons(times.map((mtime): Case => ({ ...plain, mtime })));
  });

  test("for modes with every bit", async () => {
    await expectPythons([0, 0o400, 0o755, 0o1777, 0o7777].map((mode): Case => ({ ...plain, mode })));
  });

  test("for devices and pipes", async () => {
    const device = { ...plain, size: 0, mode: 0o660, name: "/dev/thing" };
    await expectPythons([
      { ...device, type: "fifo" },
      { ...device, type: "fifo", devmajor: 1, devminor: 2 },
      ...(["character", "block"] as const).flatMap((type): Case[] => [
        { ...device, type },
        { ...device, type, devmajor: 8, devminor: 1 },
        { ...device, type, devmajor: 0o7777, devminor: 8 ** 7 - 1, name: "/dev/".padEnd(150, "n") },
      ]),
    ]);
  });

  test("when everything is too much at once", async () => {
    await expectPythons([
      {
        type: "file",
        name: `${utf8("/🎉")}\xff${"n".repeat(200)}`,
        linkname: "",
        mode: 0o7777,
        size: 8 ** 11 + 5,
        uid: 8 ** 7,
        gid: 8 ** 7 + 1,
        uname: utf8("ü".repeat(40)),
        gname: "g".repeat(40),
        mtime: -5,
      },
    ]);
  });

  test("for a thousand random entries", async () => {
    const random = new Random(1);
    const text = (): string => {
      const length = random.pick([0, 3, 31, 32, 33, 98, 99, 100, 101, 300]);
      if (random.chance(0.3)) return random.bytes(length).toString("latin1").replaceAll("\0", "0");
      const alphabet = random.pick(["ab/", "aé", "a🎉", "日"]);
      return utf8(Array.from({ length }, () => random.pick([...alphabet])).join(""));
    };
    const types: readonly EntryType[] = ["file", "directory", "symlink", "hardlink"];
    const cases = Array.from({ length: 1000 }, (): Case => {
      const type = random.pick(types);
      const name = `x${text().replace(/\/+$/, "")}`;
      return {
        type,
        name: type === "directory" ? `${name}/` : name,
        mode: random.below(0o10000),
        size: type === "file" ? random.pick([0, 7, 8 ** 11 - 1, 8 ** 11]) : 0,
        linkname: type === "symlink" || type === "hardlink" ? `y${text()}` : "",
        uid: random.pick([0, 1000, 8 ** 7 - 1, 8 ** 7]),
        gid: random.pick([0, 1000, 8 ** 7 - 1, 8 ** 7]),
        uname: text(),
        gname: text(),
        mtime: random.pick([0, 1, -1, 2 ** 33, 8 ** 11]),
      };
    });
    await expectPythons(cases);
  });
});
