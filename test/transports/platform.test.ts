import { describe, expect, test } from "vitest";
import { openImages } from "../../dist/transports/open.js";
import { forPlatform } from "../../dist/manifests/platform.js";
import { platformName, type Platform } from "../../dist/image/platform.js";
import { failureOf } from "../support/failure.js";
import { layerOf, Layout, onPlatform } from "../support/images.js";
import { temporaryFolder } from "../support/temporary.js";

function platform(text: string): Platform {
  const [os = "", architecture = "", variant] = text.split("/");
  return { os, architecture, variant };
}

describe("the image for a platform", () => {
  test.each([
    ["linux/arm/v7", "linux/arm linux/arm64", "linux/arm"],
    ["linux/arm", "linux/arm/v7 linux/arm64", "linux/arm/v7"],
    ["linux/arm", "linux/arm/v5 linux/arm/v6 linux/arm/v8", "linux/arm/v6"],
    ["linux/arm", "linux/arm linux/arm/v8", "linux/arm"],
    ["linux/arm/v6", "linux/arm linux/arm/v6", "linux/arm/v6"],
    ["linux/arm/v6", "linux/arm", ""],
    ["linux/arm/7", "linux/arm/v7", "linux/arm/v7"],
    ["linux/arm64/v8", "linux/arm64 linux/arm", "linux/arm64"],
    ["linux/arm64", "linux/arm64/v8 linux/arm/v8", "linux/arm64/v8"],
    ["linux/aarch64", "linux/arm64 linux/amd64", "linux/arm64"],
    ["linux/armhf", "linux/arm linux/arm/v6", "linux/arm"],
    ["linux/armel", "linux/arm/v6 linux/arm", "linux/arm/v6"],
    ["linux/x86_64", "linux/amd64 linux/386", "linux/amd64"],
    ["linux/amd64", "linux/amd64/v1 linux/amd64/v3", "linux/amd64/v1"],
    ["linux/amd64", "linux/amd64/v2 linux/amd64/v3", "linux/amd64/v3"],
    ["linux/i386", "linux/386", "linux/386"],
    ["windows/amd64", "linux/amd64", ""],
  ])("%s of %s is %s", (wanted, there, expected) => {
    const items = there.split(" ").map((each) => ({ platform: platform(each) }));
    const found = forPlatform(items, platform(wanted));
    expect(found.map((each) => platformName(each.platform))).toEqual(expected === "" ? [] : [expected]);
  });

  test("is missing with a hint that lists those that there are", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    const image = layout.image({ layers: [await layerOf({ a: "1" })] });
    layout.index([onPlatform(image, "arm"), onPlatform(image, "amd64")]);
    const wanted = { os: "linux", architecture: "riscv64" };
    expect(await failureOf(openImages(layout.folder, { platform: wanted }))).toMatchObject({
      code: "ERR_ARCHIVE",
      message: expect.stringContaining("has no image for linux/riscv64"),
      hint: expect.stringMatching(/with one of: linux\/arm, linux\/amd64$/),
    });
  });
});
