import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startNixStore } from "./nixStore.js";
import { referenceDigest, referenceStream } from "./oracle.js";
import { describeWith } from "./requirements.js";
import { mustRun } from "./run.js";
import { temporaryFolder } from "./temporary.js";

test("tests see nothing of the caller's terminal, language and settings", () => {
  for (const name of ["SHELL", "TERM", "LC_ALL", "TZ", "DOCKER_HOST", "NIX_REMOTE", "LAMINIX_CACHE_DIR"])
    expect(process.env[name]).toBeUndefined();
  expect(process.env["LANG"]).toBe("C.UTF-8");
});

describeWith(["nix-daemon"], "the test store", () => {
  test("serves a tree with odd names and its references", async () => {
    await using store = await startNixStore();
    const library = await store.addTextFile("library", "a library\n");
    const program = await store.addTree(
      "program",
      (place) => {
        mkdirSync(place);
        writeFileSync(Buffer.concat([Buffer.from(`${place}/`), Buffer.from([0xff, 0x0a, 0x41])]), library);
        symlinkSync(library, `${place}/link`);
      },
      { references: [library] },
    );
    const closure = await store.run("nix-store", ["--query", "--requisites", program]);
    expect(closure.stdout.toString().trim().split("\n")).toEqual([library, program]);
    await store.run("nix-store", ["--verify-path", library, program]);
    expect(lstatSync(program).mode & 0o777).toBe(0o555);
    expect(lstatSync(program).mtimeMs).toBe(1000);
  });

  test("has its files elsewhere when its directory is only a name", async () => {
    await using store = await startNixStore({ storeDir: "/not/here/store" });
    const file = await store.addTextFile("text", "text\n");
    expect(file).toMatch(/^\/not\/here\/store\/[0-9a-z]{32}-text$/);
    expect(lstatSync(store.realPath(file)).isFile()).toBe(true);
    await store.run("nix-store", ["--verify", "--check-contents"]);
  });

  test("forgets a stopped daemon and starts another on the same socket", async () => {
    await using store = await startNixStore();
    const file = await store.addTextFile("text", "text\n");
    const before = store.daemonPid;
    await store.stopDaemon();
    await expect(store.run("nix-store", ["--query", "--hash", file])).rejects.toThrow();
    await store.startDaemon();
    expect(store.daemonPid).not.toBe(before);
    await store.run("nix-store", ["--query", "--hash", file]);
  });
});

describeWith(["nix-daemon", "root"], "the test store of another user", () => {
  test("belongs to that user, daemon included", async () => {
    await using store = await startNixStore({ user: 65534 });
    const file = await store.addTextFile("text", "text\n");
    expect(lstatSync(file).uid).toBe(65534);
    await store.run("nix-store", ["--verify-path", file], { uid: 65534 });
  });
});

describeWith(["python3", "tar"], "the oracle", () => {
  test("writes an archive whose layers have the digests that its configuration names", async () => {
    await using folder = await temporaryFolder();
    const tree = folder.join("store/0123456789abcdfghijklmnpqrsvwxyz-tree");
    mkdirSync(tree, { recursive: true });
    writeFileSync(`${tree}/${"long".repeat(40)}`, "text");
    symlinkSync("elsewhere", `${tree}/liñk`);
    const conf = {
      ...{ architecture: "amd64", config: {}, store_layers: [[tree]], repo_tag: "it:1" },
      ...{ created: "1970-01-01T00:00:01+00:00", mtime: "1970-01-01T00:00:01+00:00" },
      ...{ uid: "0", gid: "0", uname: "root", gname: "root" },
    };
    writeFileSync(folder.join("conf.json"), JSON.stringify(conf));
    const archive = await referenceStream(folder.join("conf.json"));
    writeFileSync(folder.join("image.tar"), archive);
    await mustRun("tar", ["-xf", "image.tar"], { cwd: folder.path });

    const [manifest] = JSON.parse(readFileSync(folder.join("manifest.json"), "utf8"));
    const config = JSON.parse(readFileSync(folder.join(manifest.Config), "utf8"));
    const digest = createHash("sha256")
      .update(readFileSync(folder.join(manifest.Layers[0])))
      .digest("hex");
    expect(config.rootfs.diff_ids).toEqual([`sha256:${digest}`]);
    const names = await mustRun("tar", ["-tPf", folder.join(manifest.Layers[0])]);
    expect(names.stdout.toString().split("\n")).toContain(`${tree}/${"long".repeat(40)}`);
    expect(await referenceDigest(folder.join("conf.json"))).toEqual({
      sha256: createHash("sha256").update(archive).digest("hex"),
      size: archive.length,
    });
  });
});
