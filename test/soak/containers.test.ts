import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { callers, CONTAINER_NEEDS, ContainerScene } from "../support/containers.js";
import { repetitions } from "../support/repetitions.js";
import { testWith } from "../support/requirements.js";

testWith(CONTAINER_NEEDS, "containers leave nothing behind, killed ones among them", async () => {
  await using scene = await ContainerScene.open();
  const runs = repetitions(21, 1000);
  for (let i = 0; i < runs; i++) {
    const caller = callers[i % callers.length]!;
    const script = "setsid sleep 1000 & echo up >/up; exec sleep 0.05";
    const child = scene.start(caller, ["run", scene.busybox, "--", "sh", "-c", script]);
    child.stdout?.resume();
    child.stderr?.resume();
    const ended = once(child, "exit");
    // At any moment of its life.
    if (i % 2 === 1) {
      await sleep((i * 37) % 500);
      child.kill(i % 4 === 1 ? "SIGKILL" : "SIGTERM");
    }
    await ended;
  }
  for (const caller of callers) {
    while (scene.processesOf(caller).length > 0) await sleep(10);
    // It removes the folders of those that were killed.
    expect(await scene.sh(caller, "true")).toMatchObject({ code: 0, stderr: "" });
    expect(await scene.remains(caller)).toEqual([]);
  }
});
