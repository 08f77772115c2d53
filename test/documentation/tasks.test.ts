/** Ten tasks are done by the commands of docs/tasks.md, in their order, and print what it says. */
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { account } from "../support/imageRegistry.js";
import { describeWith } from "../support/requirements.js";
import { blocksOf } from "./blocks.js";
import { CACHE } from "./site.js";
import { sameLines, World } from "./world.js";

const blocks = blocksOf("tasks.md");
const tasks = [...new Set(blocks.map(({ heading }) => heading))];

test("the page has ten tasks", () => {
  expect(tasks).toHaveLength(10);
});

describeWith(
  ["dockerd", "docker-registry", "nix-daemon", "nix-build", "busybox", "skopeo", "podman", "mountReaders"],
  "with the page alone",
  () => {
    let world: World;
    beforeAll(async () => {
      world = await World.start();
    });
    afterAll(() => world[Symbol.asyncDispose]());

    /** Does a task in a new folder; answers what each block of commands has printed. */
    async function done(
      heading: string,
      links: Readonly<Record<string, string>>,
      env: Readonly<Record<string, string | undefined>> = {},
    ): Promise<string[]> {
      const folder = await world.newFolder(links);
      const printed: string[] = [];
      for (const block of blocks.filter((each) => each.heading === heading)) {
        if (block.language === "sh") printed.push(await world.mustShell(block.text, { folder, env }));
        else if (block.language === "text") expect(sameLines(printed.at(-1)!)).toEqual(sameLines(block.text));
        else world.write(block.file!, block.text, folder);
      }
      expect(printed.length).toBeGreaterThan(0);
      return printed;
    }

    test("one finds the packages that bring openssl", async () => {
      const [shortest, all] = await done("Find which package brings openssl", { result: "web_next" });
      expect(shortest).toContain("python3-3.12");
      expect(all).toContain("curl-8.9.1");
    });

    test("one makes an image smaller", async () => {
      const links = { result: "web", "result-1.1": "web_next" };
      const printed = await done("Make an image smaller", links);
      expect(printed[3]).toContain("gcc: 13.3.0 → ∅, -5.00 MB");
    });

    test("one pushes with a password that a helper gives", async () => {
      const { username, password } = account;
      const secret = JSON.stringify({ Username: username, Secret: password });
      world.program("docker-credential-pass", `read -r server; echo '${secret}' | tee "$HOME/asked"`);
      await done("Push with a password from a helper", { result: "web" });
      expect(readFileSync(world.folder.join("home/asked"), "utf8").trim()).toBe(secret);
    });

    test("one builds on a base", async () => {
      const [printed] = await done("Build on a base", { result: "web" });
      expect(printed).toContain("base image\n");
      expect(printed?.trimEnd().endsWith("web 1.0 runs")).toBe(true);
    });

    test("one runs a program over the host's store, without an engine and in Docker", async () => {
      const [here, inDocker] = await done("Mount the host's store", { result: "web" });
      expect(here).toBe("web 1.0 runs\n");
      expect(inDocker).toContain("1 of 1 layer");
      expect(inDocker?.trimEnd().endsWith("web 1.0 runs")).toBe(true);
    });

    test("one compares two releases, and what the second sends", async () => {
      const [, dry] = await done("Compare two releases", { "result-1.0": "web", "result-1.1": "web_next" });
      expect(dry).toMatch(/^there +sha256:… .* glibc-2\.39$/m);
      expect(dry).toMatch(/^sent +sha256:… .* web-1\.1$/m);
    });

    test("one makes an image of a binary cache where there is no Nix", async () => {
      // Programs without Nix's, and nothing that tells of the store.
      const bin = await world.newFolder();
      const folders = (world.env["PATH"] ?? "").split(":").filter((folder) => existsSync(folder));
      for (const folder of folders.toReversed())
        for (const name of readdirSync(folder))
          if (!name.startsWith("nix")) {
            rmSync(path.join(bin, name), { force: true });
            symlinkSync(path.join(folder, name), path.join(bin, name));
          }
      const without = Object.keys(world.store.env).map((name) => [name, undefined]);
      const env = { ...Object.fromEntries(without), PATH: bin };
      const before = world.site.cache.requests.length;
      const [printed] = await done("Make an image from a binary cache, without Nix", {}, env);
      expect(printed?.trimEnd().endsWith("hello 2.12.1 runs")).toBe(true);
      const asked = world.site.cache.requests.slice(before);
      expect(asked.some(({ url }) => url?.startsWith("/nar/"))).toBe(true);
      expect(asked[0]?.headers.host).toBe(CACHE);
    });

    test("one publishes a name for two platforms", async () => {
      const links = { "result-amd64": "web_next", "result-arm64": "web_next" };
      await done("Publish one name for several platforms", links);
      const inspect = ["inspect", "--raw", "docker://registry.example/web:1"];
      const { stdout } = await world.store.run("skopeo", inspect, { env: world.env });
      const { manifests } = JSON.parse(stdout.toString()) as {
        manifests: { platform: { architecture: string } }[];
      };
      expect(manifests.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
    });

    test("one loads what has changed, and nothing else", async () => {
      const [, second] = await done("Load only what changed", {
        "result-1.0": "web",
        "result-1.1": "web_next",
      });
      expect(second).toContain("Docker has 3 of 9 layers already");
    });

    test("one runs an image with Docker Compose", async () => {
      const [printed] = await done("Run an image with Docker Compose", { result: "web" });
      expect(printed).toMatch(/web-1 +\| web 1\.0 runs$/m);
    });
  },
);
