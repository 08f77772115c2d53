import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { copyFileSync, readFileSync, statSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addBusybox, callers, CONTAINER_NEEDS, ContainerScene, ROOT } from "../support/containers.js";
import { fenceCallers, Outdoors, ways } from "../support/fence.js";
import { sha256 } from "../support/images.js";
import { describeWith } from "../support/requirements.js";

describeWith(CONTAINER_NEEDS, "from a container", () => {
  let scene: ContainerScene;
  let outdoors: Outdoors;
  let tools: string;

  beforeAll(async () => {
    [scene, outdoors] = await Promise.all([ContainerScene.open(), Outdoors.open()]);
    tools = await scene.store.addTree("tools-1", outdoors.tools);
  });
  afterAll(async () => {
    await scene[Symbol.asyncDispose]();
    await outdoors[Symbol.asyncDispose]();
  });

  test.each(fenceCallers)("none of many ways leads out, run by $name", async (caller) => {
    const home = outdoors.homeOf(caller, "container");
    const own = "rm /bin/escape; cp $0/bin/escape /bin/escape";
    const lines = await outdoors.expectFenced(home, (script) =>
      outdoors.laminix(caller, home, [
        ...["run", "--store", scene.store.uri, scene.busybox, tools],
        ...["--", "sh", "-c", `${own}\n${script}`, tools],
      ]),
    );
    expect(lines).toEqual(expect.arrayContaining([...Object.keys(ways), "done"].map((name) => `-- ${name}`)));
  });

  test.each(callers)("the store cannot be changed, run by $name", async (caller) => {
    const { busybox, store } = scene;
    const shell = store.realPath(`${busybox}/bin/busybox`);
    const before = [statSync(shell).ctimeMs, sha256(readFileSync(shell))];
    const attempts = [
      `echo x >${busybox}/bin/busybox`,
      `echo x >${busybox}/bin/new`,
      `mkdir ${busybox}/new`,
      `rm ${busybox}/bin/sh`,
      `rm -r ${busybox}`,
      `chmod 777 ${busybox}/bin/busybox`,
      `chown 1 ${busybox}/bin/busybox`,
      `touch ${busybox}`,
      `mv ${busybox}/bin ${busybox}/moved`,
      `mv ${busybox} ${busybox}-moved`,
      `mkdir ${store.storeDir}/new`,
      `mkdir /own && mv -T /own ${busybox}`,
      `ln ${busybox}/bin/busybox /linked`,
      `mount -o remount,rw,bind ${busybox}`,
      `mount -o remount,rw ${store.storeDir}`,
      `mount -t tmpfs none ${busybox}`,
      `mount -o bind /tmp ${busybox}`,
      `umount ${busybox}`,
      `umount -l ${store.storeDir}`,
    ];
    const script = attempts.map((attempt) => `(${attempt}) 2>/dev/null && echo '${attempt}'`).join("\n");
    for (const flags of [[], ["--read-only"]]) {
      const result = await scene.sh(caller, `${script}\necho done`, flags);
      expect(result.stdout.toString()).toBe("done\n");
    }
    expect([statSync(shell).ctimeMs, sha256(readFileSync(shell))]).toEqual(before);
  });

  test.each(callers)("nothing but the closure is there, run by $name", async (caller) => {
    const secret = await scene.store.addTextFile("secret", "of another closure");
    const home = scene.homeOf(caller);
    copyFileSync("/etc/hostname", `${home}/tmp/witness`);
    const script = `
      ls -a ${scene.store.storeDir}
      ls / /tmp
      test -e ${secret} && echo secret
      test -e ${home} && echo home
      set -- /proc/[0-9]*; echo $#
      cat /proc/1/cmdline | tr '\\0' ' '; echo
      hostname
      ip -o link | wc -l`;
    const result = await scene.sh(caller, script, [], { env: { OF_THE_CALLER: "x" } });
    const [, first = ""] = scene.store.storeDir.split("/tmp/");
    expect(
      result.stdout
        .toString()
        .trim()
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual([
      ...[".", "..", scene.busybox.slice(scene.store.storeDir.length + 1)],
      ...["/:", "bin", "dev", "proc", "sys", "tmp", "", "/tmp:", first.split("/")[0]],
      ...["2", "./enter description", "localhost", "1"],
    ]);
    expect(result.code).toBe(0);
    const { stdout } = await scene.laminix(caller, ["run", scene.busybox, "--", "env"], {
      env: { OF_THE_CALLER: "x" },
    });
    expect(stdout.toString().split("\n").sort()).toEqual([
      ...["", "HOME=/", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ]);
  });

  test.each(callers)(
    "servers of this system cannot be reached, unless asked for, run by $name",
    async (caller) => {
      const server = createServer((connection) => connection.end("reached\n"));
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address() as AddressInfo;
      const fetching = `nc 127.0.0.1 ${String(port)} 2>&1 </dev/null`;
      try {
        const alone = await scene.sh(caller, fetching);
        expect(alone.code).toBe(1);
        expect(alone.stdout.toString()).toMatch(/refused/);
        const connected = await scene.sh(caller, `${fetching}; cat /etc/resolv.conf`, ["--network", "host"]);
        expect(connected.stdout.toString()).toBe(`reached\n${readFileSync("/etc/resolv.conf", "utf8")}`);
      } finally {
        server.close();
      }
    },
  );

  test("two containers of one user do not see each other", async () => {
    const other = await addBusybox(scene.store, "busybox-2");
    const sleeping = scene.start(ROOT, [
      ...["run", other, "--", "sh", "-c", "touch /tmp/there /dev/shm/there; echo up; sleep 1000"],
    ]);
    try {
      await once(sleeping.stdout!, "data");
      const { stdout } = await scene.sh(ROOT, "ps; ls /tmp /dev/shm");
      expect(stdout.toString()).toMatch(/ps/);
      expect(stdout.toString()).not.toMatch(/1000|there/);
    } finally {
      sleeping.kill("SIGKILL");
      await once(sleeping, "exit");
    }
  });
});
