import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtFile } from "../support/builtFile.js";
import { assembleFarm, type MountPlan, mountPlan, NixStore } from "../../dist/index.js";
import { farmOf } from "../../dist/mounts/farm.js";
import { encodeFarm } from "../../dist/vm/enter.js";
import { failureOf } from "../support/failure.js";
import { linesOf } from "../support/mountConsumers.js";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun, projectRoot, run } from "../support/run.js";
import { becomeNobody, runScript } from "../support/script.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

let daemon: Daemon;
let folder: TemporaryFolder;
let plan: MountPlan;
/** Names in the farm. */
let names: { readonly tree: string; readonly file: string; readonly link: string; readonly top: string };
/** Copies that an ordinary user can run, wherever the checkout is. */
let enter: string;
let oldKernel: string;

beforeAll(async () => {
  daemon = await startNixStore({ storeDir: "/nix/store" });
  folder = await temporaryFolder("farm");
  await using store = new NixStore(`${daemon.uri}?real=${daemon.realStoreDir}`);
  const tree = await daemon.addTree("tree", (place) => {
    mkdirSync(place);
    writeFileSync(`${place}/says`, "the tree\n");
  });
  const file = await daemon.addTextFile("file", "the file\n");
  const link = await daemon.addTree(
    "link",
    (place) => {
      symlinkSync(path.basename(tree), place);
    },
    { references: [tree] },
  );
  const top = await daemon.addTextFile("top", "top", [tree, file, link]);
  plan = await mountPlan(top, { store });
  const [treeName = "", fileName = "", linkName = "", topName = ""] = [tree, file, link, top].map((each) =>
    path.basename(each),
  );
  names = { tree: treeName, file: fileName, link: linkName, top: topName };
  enter = folder.join("enter");
  copyFileSync(builtFile("laminix-enter"), enter);
  oldKernel = folder.join("oldKernel");
  await mustRun("cc", ["-O1", "-o", oldKernel, path.join(projectRoot, "test/support/oldKernel.c")]);
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

describeWith(["nix-daemon", "nix-store", "linux", "cc", "unshare", "setpriv"], "a farm", () => {
  // In a mount namespace of its own, with which it goes.
  const users = {
    root: ["unshare", "--mount"],
    "an ordinary user": [...nobody, "unshare", "--map-root-user", "--mount"],
  };
  const kernels = { "this kernel": false, "a kernel without mount_setattr": true };

  for (const [user, namespace] of Object.entries(users)) {
    for (const [kernel, isOld] of Object.entries(kernels)) {
      testWith(["root"], `is for reading only, assembled by ${user} on ${kernel}`, async () => {
        await using place = await temporaryFolder("farm");
        const farm = place.join("farm");
        mkdirSync(farm);
        await mustRun("chmod", ["777", place.path]);
        const description = place.join("description");
        writeFileSync(description, encodeFarm(farmOf(plan, farm), place.join("status")));
        const { tree, file, link } = names;
        const script = [
          `${isOld ? oldKernel : ""} ${enter} ${description} || cat ${place.join("status")}`,
          `cd ${farm}`,
          `cat ${tree}/says ${file} ${link}/says; readlink ${link}`,
          ...[`touch ${tree}/new`, `mkdir ${tree}/new`, `touch ${tree}/says`, `rm ${tree}/says`],
          ...["touch new", "mkdir new", `rm ${link}`, `rmdir ${tree}`],
          `{ echo >${file}; }`,
          `ls`,
          `grep ' ${farm}' /proc/self/mountinfo | cut -d ' ' -f 5,6`,
        ].map((line) =>
          /^(touch|mkdir|rm|rmdir|\{)/.test(line) ? `${line} 2>/dev/null && echo "${line}"` : line,
        );
        const [program = "", ...args] = namespace;
        const { stdout } = await mustRun(program, [...args, "sh", "-c", script.join("\n")]);
        const lines = linesOf(stdout.toString());
        const mounted = lines.splice(-plan.mounts.length - 1);
        expect(lines).toEqual(["the tree", "the file", "the tree", tree, ...Object.values(names).sort()]);
        expect(mounted.map((line) => line.split(" ")[0]).sort()).toEqual(
          [farm, ...plan.mounts.map(({ target }) => `${farm}/${path.basename(target)}`)].sort(),
        );
        for (const line of mounted) expect(line).toMatch(/ ro,nosuid,nodev(,|$)/);
      });
    }
  }

  test("meets a kernel without mount_setattr in these tests", async () => {
    const call = "print([(call(n, -1, b'', 0, 0, 0), ctypes.get_errno()) for n in (428, 429, 442)])";
    const python = `import ctypes; call = ctypes.CDLL(None, use_errno=True).syscall; ${call}`;
    const { stdout } = await mustRun(oldKernel, ["python3", "-c", python]);
    expect(stdout.toString().trim()).toBe("[(-1, 38), (-1, 38), (-1, 38)]");
  });
});

describeWith(["root", "nix-daemon", "nix-store", "linux"], "assembleFarm", () => {
  const unmount = (farm: string) => mustRun("umount", ["--lazy", farm]);

  test("makes the folder, and says where it is", async () => {
    const relative = path.relative(process.cwd(), folder.join("new/farm"));
    const farm = await assembleFarm(plan, relative);
    expect(farm).toBe(folder.join("new/farm"));
    expect(readdirSync(farm).sort()).toEqual(Object.values(names).sort());
    await unmount(farm);
    expect(readdirSync(farm)).toEqual([]);
  });

  test("takes no folder that has something in it, such as another farm", async () => {
    const farm = await assembleFarm(plan, folder.join("twice"));
    try {
      expect(await failureOf(assembleFarm(plan, farm))).toMatchObject({
        code: "ERR_FILE_WRITE",
        hint: expect.stringContaining("umount --lazy") as unknown,
      });
    } finally {
      await unmount(farm);
    }
    expect((await failureOf(assembleFarm(plan, enter))).code).toBe("ERR_FILE_WRITE");
  });

  test("leaves nothing where a path is not there", async () => {
    const farm = folder.join("none");
    const [mount] = plan.mounts;
    for (const source of [`${daemon.root}/none`, "/dev/null/none"]) {
      const broken = { ...plan, mounts: [...plan.mounts, { ...mount, source } as MountPlan["mounts"][0]] };
      const failure = await failureOf(assembleFarm(broken, farm));
      expect(failure).toMatchObject({ code: "ERR_MOUNT", details: { path: farm } });
      expect(failure.message).toContain(source);
    }
    expect(readdirSync(farm)).toEqual([]);
    const { stdout } = await run("grep", ["-F", farm, "/proc/self/mountinfo"]);
    expect(stdout.toString()).toBe("");
  });

  test("checks what it is given", async () => {
    const farm = folder.join("unchecked");
    expect((await failureOf(assembleFarm({} as MountPlan, farm))).code).toBe("ERR_ARGUMENT");
    expect((await failureOf(assembleFarm(plan, 1 as never))).code).toBe("ERR_ARGUMENT");
    expect(existsSync(farm)).toBe(false);
  });

  test("ends when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const farm = folder.join("aborted");
    await expect(assembleFarm(plan, farm, { signal })).rejects.toThrow("enough");
    expect(existsSync(farm) && readdirSync(farm).length > 0).toBe(false);
  });

  test("refuses more than a mount namespace has room for", async () => {
    const mounts = Array.from({ length: 99_001 }, () => plan.mounts[0]) as MountPlan["mounts"];
    expect(await failureOf(assembleFarm({ ...plan, mounts }, folder.join("many")))).toMatchObject({
      code: "ERR_MOUNT_LIMIT",
      details: { limit: 99_000, count: 99_001 },
    });
  });

  test("tells who may mount", async () => {
    await using place = await temporaryFolder("farm");
    await mustRun("chmod", ["777", place.path]);
    const { stdout } = await runScript(
      `${becomeNobody}
      const failure = await laminix.assembleFarm(${JSON.stringify(plan)}, ${JSON.stringify(place.join("farm"))}).catch((error) => error);
      print({ code: failure.code, hint: failure.hint });`,
      { env: { LAMINIX_ENTER: enter } },
    );
    expect(JSON.parse(stdout.toString())).toEqual({
      code: "ERR_MOUNT",
      hint: expect.stringContaining("unshare --map-root-user --mount") as unknown,
    });
  });
});
