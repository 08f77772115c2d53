import { describe, expect, test } from "vitest";
import { parseStoreUrl } from "../../dist/store/location.js";

const usual = { socket: "/nix/var/nix/daemon-socket/socket" };

describe("a store's URL", () => {
  test("is auto for the usual socket, and a daemon started where nobody listens there", () => {
    const { targets, storeDir } = parseStoreUrl("auto", {});
    expect(targets).toEqual([usual, { program: "nix-daemon", args: ["--stdio"] }]);
    expect(storeDir).toBeUndefined();
  });

  test.each(["daemon", "unix://"])("is %s for the usual socket and nothing else", (url) => {
    expect(parseStoreUrl(url, {}).targets).toEqual([usual]);
  });

  test("names a socket", () => {
    expect(parseStoreUrl("unix:///run/nix.sock", {}).targets).toEqual([{ socket: "/run/nix.sock" }]);
    expect(parseStoreUrl("unix:///run/a%20b%3F", {}).targets).toEqual([{ socket: "/run/a b?" }]);
  });

  test("as auto is taken from NIX_REMOTE, once", () => {
    expect(parseStoreUrl("auto", { NIX_REMOTE: "unix:///run/other" }).targets).toEqual([
      { socket: "/run/other" },
    ]);
    expect(parseStoreUrl("auto", { NIX_REMOTE: "daemon" }).targets).toEqual([usual]);
    expect(parseStoreUrl("auto", { NIX_REMOTE: "auto" }).targets).toHaveLength(2);
    expect(parseStoreUrl("auto", { NIX_REMOTE: "" }).targets).toHaveLength(2);
    expect(parseStoreUrl("unix:///run/mine", { NIX_REMOTE: "unix:///run/other" }).targets).toEqual([
      { socket: "/run/mine" },
    ]);
  });

  test("finds the usual socket where the environment says that it is", () => {
    const socketOf = (url: string, environment: Record<string, string>): unknown =>
      parseStoreUrl(url, environment).targets[0];
    expect(socketOf("daemon", { NIX_STATE_DIR: "/state" })).toEqual({
      socket: "/state/daemon-socket/socket",
    });
    expect(socketOf("auto", { NIX_DAEMON_SOCKET_PATH: "/sock", NIX_STATE_DIR: "/state" })).toEqual({
      socket: "/sock",
    });
    expect(socketOf("daemon?state=/s", { NIX_DAEMON_SOCKET_PATH: "/sock" })).toEqual({
      socket: "/s/daemon-socket/socket",
    });
  });

  test("says with its parameters where the store is, and where its files are", () => {
    const place = (url: string): unknown => {
      const { storeDir, physicalDir } = parseStoreUrl(url, {});
      return [storeDir, physicalDir(storeDir ?? "/nix/store")];
    };
    expect(place("unix:///s")).toEqual([undefined, "/nix/store"]);
    expect(place("unix:///s?store=/my/store/")).toEqual(["/my/store", "/my/store"]);
    expect(place("unix:///s?root=/chroot/")).toEqual([undefined, "/chroot/nix/store"]);
    expect(place("unix:///s?root=/chroot&store=/my/store")).toEqual(["/my/store", "/chroot/my/store"]);
    expect(place("daemon?root=/chroot&real=/files")).toEqual([undefined, "/files"]);
  });

  test.each([
    ["https://cache.nixos.org"],
    ["ssh://host"],
    ["local"],
    ["/run/nix.sock"],
    ["./nix.sock"],
    ["unix:///s?rot=/x"],
    ["daemon?store=relative"],
    ["daemon?store=/"],
  ])("is refused as %s, with a hint", (url) => {
    expect(() => parseStoreUrl(url, {})).toThrow(
      expect.objectContaining({ code: "ERR_STORE_URL", hint: expect.any(String) }),
    );
  });

  test("that is the path of a socket is refused with the URL that was meant", () => {
    expect(() => parseStoreUrl("/run/nix.sock", {})).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("unix:///run/nix.sock") }),
    );
  });
});
