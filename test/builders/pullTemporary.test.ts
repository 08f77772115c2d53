import { fstatSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { exportImage, mergeImages, pullImage } from "../../dist/index.js";
import { startImageRegistry } from "../support/imageRegistry.js";
import { imageTools } from "../support/imageTools.js";
import { Layout, tarOf } from "../support/images.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { temporaryFolder } from "../support/temporary.js";

/** Bytes of this process's open files in a folder, those without a name among them. */
function heldIn(folder: string): number {
  return readdirSync("/proc/self/fd")
    .map((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`).startsWith(folder) ? fstatSync(Number(name)).size : 0;
      } catch {
        return 0; // closed meanwhile
      }
    })
    .reduce((sum, size) => sum + size, 0);
}

describeWith(["docker-registry", "openssl", "skopeo", "linux"], "an image of large compressed layers", () => {
  const MIB = 1 << 20;

  test("takes room for one of them at a time when it is pulled, and when it is merged", async () => {
    await using folder = await temporaryFolder();
    await using registry = await startImageRegistry({ plain: true });
    await using tools = await imageTools();
    const noise = new Random(7).bytes(5 * MIB);
    const layers = await Promise.all(
      ["a", "b", "c", "d"].map((name) =>
        tarOf([{ name, body: Buffer.concat([Buffer.from(name), noise, Buffer.alloc(15 * MIB)]) }]),
      ),
    );
    const layout = new Layout(folder.join("layout"));
    layout.index([layout.image({ layers }, (layer) => gzipSync(layer, { level: 1 }), "+gzip")]);
    const reference = `${registry.host}/it/large:1`;
    await tools.skopeo([
      ...["copy", "--quiet", "--dest-tls-verify=false", `oci:${layout.folder}`, `docker://${reference}`],
    ]);
    const temporary = await temporaryFolder("held");
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = temporary.path;
    let peak = 0;
    const look = (): void => {
      peak = Math.max(peak, heldIn(temporary.path));
    };
    const often = setInterval(look, 2);
    try {
      // One that is packed, and the same unpacked.
      const most = 20 * MIB + 6 * MIB;
      await pullImage(reference, {
        ...{ output: folder.join("pulled.tar"), plainHttp: true, environment: { HOME: "/nowhere" } },
        onProgress: look,
      });
      expect(statSync(folder.join("pulled.tar")).size).toBeGreaterThan(80 * MIB);
      expect(peak).toBeGreaterThan(20 * MIB);
      expect(peak).toBeLessThan(most);
      peak = 0;
      await using merged = await mergeImages([layout.folder], { onProgress: look });
      for await (const _ of merged.pieces());
      expect(peak).toBeGreaterThan(20 * MIB);
      expect(peak).toBeLessThan(most);
      // What is read anywhere has to stay until the end.
      await exportImage(layout.folder, { output: folder.join("root.tar") });
      expect(heldIn(temporary.path)).toBe(0);
    } finally {
      clearInterval(often);
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
      await temporary[Symbol.asyncDispose]();
    }
  });
});
