import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { narOf } from "../../dist/nar/write.js";
import { bytesOf } from "../support/members.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { temporaryFolder } from "../support/temporary.js";
import { writeOddTree } from "../tar/oddTree.js";
import { dump, eventsOf, identityOf } from "./nars.js";

const MIB = 1 << 20;

/** Pieces are kept as they are: they are the reader's own. */
async function written(place: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of narOf(place)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Names of any bytes that a name may have. */
function randomName(random: Random): Buffer {
  const name = random.chance(0.5)
    ? random.bytes(1 + random.below(20))
    : Buffer.from(random.pick(["é", "a", "a-b", "a.b", "日本", "🎉", "\uffff", "A"]));
  return /^\.{1,2}$|[/\0]/.test(name.toString("latin1")) ? Buffer.from(`n${random.below(1000)}`) : name;
}

function writeRandomTree(random: Random, place: Buffer, depth: number): void {
  mkdirSync(place);
  const names = new Set(
    Array.from({ length: random.below(12) }, () => randomName(random).toString("latin1")),
  );
  for (const name of names) {
    const inner = Buffer.concat([place, Buffer.from("/"), Buffer.from(name, "latin1")]);
    if (depth > 0 && random.chance(0.4)) writeRandomTree(random, inner, depth - 1);
    else if (random.chance(0.2))
      symlinkSync(Buffer.from(random.bytes(1 + random.below(30)).map((byte) => byte || 1)), inner);
    else writeFileSync(inner, Buffer.alloc(random.below(40), 7), { mode: random.pick([0o600, 0o755]) });
  }
}

describeWith(["nix-store"], "the NAR of what is on the disk is what Nix prints", () => {
  const trees: Readonly<Record<string, (place: string) => void>> = {
    "an empty file": (place) => writeFileSync(place, ""),
    "a program": (place) => writeFileSync(place, "#!/bin/sh\n", { mode: 0o755 }),
    "a link that leads nowhere": (place) => symlinkSync("no/where", place),
    "an empty folder": (place) => mkdirSync(place),
    "a tree of odd names, long links, hard links and empty folders": writeOddTree,
    "files whose permissions are not those of a store": (place) => {
      mkdirSync(place, { mode: 0o700 });
      for (const mode of [0o400, 0o500, 0o644, 0o655, 0o744, 0o4711, 0o666, 0o677]) {
        writeFileSync(`${place}/${mode.toString(8)}`, "x");
        chmodSync(`${place}/${mode.toString(8)}`, mode);
      }
    },
    "files larger than a piece, with and without holes": (place) => {
      mkdirSync(place);
      for (const size of [1, 7, 8, 9, (1 << 18) - 120, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 5 * MIB + 3])
        writeFileSync(`${place}/${size}`, Buffer.alloc(size, "content"));
      writeFileSync(`${place}/sparse`, "begins");
      truncateSync(`${place}/sparse`, 20 * MIB + 5);
      linkSync(`${place}/sparse`, `${place}/sparse again`);
    },
    "folders as deep as a path may be long": (place) => {
      mkdirSync(path.join(place, ...Array<string>(1900).fill("d")), { recursive: true });
    },
    "a folder of many names": (place) => {
      mkdirSync(place);
      for (let i = 0; i < 3000; i++) writeFileSync(`${place}/${i}${"é".repeat(i % 100)}`, "");
    },
  };
  for (const [what, write] of Object.entries(trees)) {
    test(`for ${what}`, async () => {
      await using folder = await temporaryFolder();
      write(folder.join("tree"));
      const expected = await dump(folder.join("tree"));
      expect(identityOf(await written(folder.join("tree")))).toEqual(identityOf(expected));
    });
  }

  test("for random trees with names of any bytes", async () => {
    const random = new Random(33);
    for (let round = 0; round < 25; round++) {
      await using folder = await temporaryFolder();
      writeRandomTree(random, Buffer.from(folder.join("tree")), 3);
      const bytes = await written(folder.join("tree"));
      expect(bytes.equals(await dump(folder.join("tree")))).toBe(true);
    }
  });
});

describe("writing a NAR", () => {
  test("fails for what is not there, what is no file, and what is changed meanwhile", async () => {
    await using folder = await temporaryFolder();
    await expect(written(folder.join("absent"))).rejects.toMatchObject({
      code: "ERR_FILE_READ",
      details: { path: folder.join("absent") },
    });
    mkdirSync(folder.join("tree"));
    execFileSync("mkfifo", [folder.join("tree/fifo")]);
    await expect(written(folder.join("tree"))).rejects.toMatchObject({ code: "ERR_FILE_TYPE" });
    writeFileSync(folder.join("file"), Buffer.alloc(4 * MIB));
    const growing = narOf(folder.join("file"));
    await growing.next();
    appendFileSync(folder.join("file"), "x");
    await expect(bytesOf(growing)).rejects.toMatchObject({ code: "ERR_FILE_CHANGED" });
  });

  test("is stopped by its signal", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), Buffer.alloc(4 * MIB));
    const reason = new Error("enough");
    const controller = new AbortController();
    const pieces = narOf(folder.join("file"), { signal: controller.signal });
    await pieces.next();
    controller.abort(reason);
    await expect(pieces.next()).rejects.toBe(reason);
    await expect(narOf(folder.join("file"), { signal: AbortSignal.abort(reason) }).next()).rejects.toBe(
      reason,
    );
  });

  test("gives what can be read", async () => {
    await using folder = await temporaryFolder();
    writeOddTree(folder.join("tree"));
    const events = await eventsOf(narOf(folder.join("tree")));
    expect(events.map((event) => ("path" in event ? event.path : ""))).toContain("b/c");
  });

  test("refuses arguments that are none, by their names", () => {
    for (const [call, argument] of [
      [() => narOf(1 as never), "path"],
      [() => narOf("x", null as never), "options"],
      [() => narOf("x", { signal: 1 as never }), "options.signal"],
    ] as const) {
      expect(call).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT", details: { argument } }));
    }
  });
});
