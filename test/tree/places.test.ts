import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { PathFiles } from "../../dist/nar/source.js";
import { StorePlaces } from "../../dist/root/places.js";
import { contentsLayer, hashed } from "../support/contentsLayer.js";
import { bytesOf, membersOf } from "../support/members.js";
import { temporaryFolder } from "../support/temporary.js";

function placesIn(storeDir: string, locate = (path: string): PathFiles => ({ disk: path })): StorePlaces {
  return new StorePlaces({ storeDir, locate, narHash: () => undefined });
}

describe("where a link leads in contents", () => {
  test("is where the kernel goes, `..` after another link too", async () => {
    await using folder = await temporaryFolder();
    const top = folder.join("top");
    mkdirSync(`${top}/far/inner/deep`, { recursive: true });
    mkdirSync(`${top}/far/other`);
    mkdirSync(`${top}/other`);
    symlinkSync("far/inner", `${top}/near`);
    symlinkSync("near/../other", `${top}/link`);
    const places = placesIn("/nix/store");
    await places.folder(top);
    const found = await places.linkedFolder(`${top}/link`, "near/../other");
    expect(found?.place).toBe(`${top}/far/other`);
  });

  test("is not looked for along links that double their number with every step", async () => {
    await using folder = await temporaryFolder();
    const top = folder.join("top");
    mkdirSync(top);
    symlinkSync(".", `${top}/l0`);
    for (let i = 1; i <= 60; i++) symlinkSync(`l${String(i - 1)}/l${String(i - 1)}`, `${top}/l${String(i)}`);
    const places = placesIn("/nix/store");
    await places.folder(top);
    expect((await places.linkedFolder(`${top}/l4`, "l3/l3"))?.place).toBe(top);
    expect(await places.linkedFolder(`${top}/l60`, "l59/l59")).toBeUndefined();
  });

  test("is nowhere for a store path that is not there, and the link is copied as it is", async () => {
    await using folder = await temporaryFolder();
    const path = folder.join(hashed("package"));
    mkdirSync(path);
    const target = folder.join(hashed("missing"));
    symlinkSync(`${target}/lib`, `${path}/lib`);
    const layer = contentsLayer({ contents: [path], locate: (disk) => ({ disk }), copies: true });
    const [, link] = await membersOf(await bytesOf(layer.open()));
    expect(link?.header).toMatchObject({ type: "symlink", name: "./lib", linkname: `${target}/lib` });
  });
});

describe("contents", () => {
  test("are refused where they have what cannot be copied, before anything waits for it", async () => {
    await using folder = await temporaryFolder();
    const top = folder.join("plain");
    mkdirSync(top);
    writeFileSync(`${top}/file`, "");
    execFileSync("mkfifo", [`${top}/pipe`]);
    const layer = contentsLayer({ contents: [top], locate: (disk) => ({ disk }), copies: true });
    await expect(bytesOf(layer.open())).rejects.toMatchObject({
      code: "ERR_FILE_TYPE",
      message: `${top}/pipe is neither a file, a folder nor a link`,
    });
  });
});
