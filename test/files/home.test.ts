import { describe, expect, test, vi } from "vitest";
import { absolutePath, homeFolder } from "../../dist/files/home.js";
import { defaultCacheDir } from "../../dist/image/digestCache.js";
import { dockerConfigFolder } from "../../dist/transports/engine/dockerContext.js";
import { findCredentials } from "../../dist/transports/registry/credentials.js";

vi.mock("node:os", async (load) => ({
  ...(await load<object>()),
  /** As for a user whom no passwd file knows. */
  homedir: () => {
    throw new Error("ERR_SYSTEM_ERROR: uv_os_homedir returned ENOENT");
  },
}));

describe("a user without a home", () => {
  test("is at home at the root, as with login", async () => {
    expect(homeFolder({})).toBe("/");
    expect(homeFolder({ HOME: "" })).toBe("/");
    expect(homeFolder({ HOME: "/home/me" })).toBe("/home/me");
    expect(defaultCacheDir({})).toBe("/.cache/laminix");
    expect(dockerConfigFolder({})).toBe("/.docker");
    const repository = { registry: "registry.example", repository: "a" };
    expect(await findCredentials(repository, { environment: {} })).toBeUndefined();
  });
});

test("a relative path where the working folder is gone is an error with a code", () => {
  vi.spyOn(process, "cwd").mockImplementation(() => {
    throw new Error("ENOENT: no such file or directory, uv_cwd");
  });
  expect(absolutePath("/a/../b")).toBe("/b");
  expect(() => absolutePath("a")).toThrow(expect.objectContaining({ code: "ERR_FILE_READ" }));
  vi.restoreAllMocks();
});
