/** Images whose parts are made on one machine and streamed on another: two stores, each with its own files. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readImage } from "../builders/image.js";
import { makeKey } from "../support/binaryCache.js";
import { type NixFunctions, nixFunctions } from "../support/nixFunctions.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { referenceStream } from "../support/oracle.js";
import { describeWith } from "../support/requirements.js";
import { laminix, mustRun } from "../support/run.js";
import { type SshServer, startSshServer } from "../support/sshServer.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const systemHere = process.arch === "arm64" ? "aarch64-linux" : "x86_64-linux";
const systemThere = process.arch === "arm64" ? "x86_64-linux" : "aarch64-linux";
const architectureThere = process.arch === "arm64" ? "amd64" : "arm64";

describeWith(
  ["root", "linux", "unshare", "nsenter", "ssh", "sshd", "nix-daemon", "nix", "nix-store", "python3"],
  "on two machines,",
  () => {
    let server: SshServer;
    let nix: NixFunctions;
    let builder: NixStore;
    let builderUrl: string;
    let folder: TemporaryFolder;
    beforeAll(async () => {
      [server, folder] = await Promise.all([startSshServer(), temporaryFolder("machines")]);
      vi.stubEnv("NIX_SSHOPTS", server.env.NIX_SSHOPTS);
      nix = await nixFunctions({ daemonEnv: server.env });
      builder = await startNixStore({
        storeDir: nix.store.storeDir,
        isMachine: true,
        // For it, the other system's programs are its own.
        config: `extra-platforms = ${systemThere}`,
      });
      const { NIX_STORE_DIR, NIX_STATE_DIR, NIX_CONF_DIR } = builder.env;
      const variables = Object.entries({ NIX_STORE_DIR, NIX_STATE_DIR, NIX_CONF_DIR, NIX_REMOTE: "local" });
      const daemon = [
        ...["nsenter", "--target", String(builder.daemonPid), "--mount"],
        ...["env", ...variables.map(([name, value]) => `${name}=${value!}`), "nix-daemon"],
      ];
      // Nix makes a file's name of the builder's URL.
      writeFileSync(folder.join("daemon"), `#!/bin/sh\nexec ${daemon.join(" ")} "$@"\n`, { mode: 0o755 });
      // Nix of 2022 takes a port for a part of the name; it is among ssh's options.
      builderUrl = `ssh-ng://${server.user}@${server.host}?remote-program=${folder.join("daemon")}`;
    });
    afterAll(async () => {
      vi.unstubAllEnvs();
      await builder[Symbol.asyncDispose]();
      await nix[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    /** An image of a system's packages. */
    const imageFor = (system: string): string => `
    let pkgs = packagesFor "${system}"; images = functions { inherit pkgs; }; in images.streamLayeredImage {
      name = "hello"; contents = [ pkgs.bashInteractive ]; config.Env = [ "CERTIFICATES=\${pkgs.cacert}" ];
      extraCommands = "touch made";
    }`;
    /** Nothing is built here. */
    const elsewhere = ["--max-jobs", "0"];
    const streamed = async (conf: string): Promise<Buffer> => {
      const { code, stdout, stderr } = await laminix(["stream-conf", conf], { env: nix.store.env });
      if (code !== 0) throw new Error(stderr);
      return stdout;
    };

    test("what a remote builder has built is streamed here, byte for byte", async () => {
      const flags = [...elsewhere, "--builders", `${builderUrl} ${systemHere} - 2`];
      const { code, stdout, stderr } = await nix.tryToBuild(imageFor(systemHere), flags);
      expect([code, stderr]).toEqual([0, expect.stringContaining(`hello-conf.json.drv' on 'ssh-ng://`)]);
      const archive = (await mustRun(stdout.toString().trim(), [], { env: nix.store.env })).stdout;
      const conf = await nix.evaluate<string>(`(${imageFor(systemHere)}).conf.outPath`);
      expect(archive.equals(await referenceStream(conf))).toBe(true);
      expect((await streamed(conf)).equals(archive)).toBe(true);
      expect((await readImage(archive)).layers.length).toBeGreaterThan(2);
    });

    test("an image for another system comes from a binary cache, and is streamed by this machine's tool", async () => {
      const conf = `(${imageFor(systemThere)}).conf`;
      const built = await nix.build(conf, ["--store", builderUrl]);
      const cache = folder.join("cache");
      const key = await makeKey(folder, "cache.example-1");
      const to = `file://${cache}?secret-key=${key.secret}`;
      await nix.store.run("nix", ["copy", "--from", builderUrl, "--to", to, built]);
      const settings = { substituters: `file://${cache}`, "trusted-public-keys": key.public };
      const options = Object.entries(settings).flatMap(([name, value]) => ["--option", name, value]);
      expect((await nix.tryToBuild(conf, elsewhere)).code).not.toBe(0);
      expect(await nix.build(conf, [...elsewhere, ...options])).toBe(built);
      const archive = await streamed(built);
      expect(archive.equals(await referenceStream(built))).toBe(true);
      expect((await readImage(archive)).config.architecture).toBe(architectureThere);
    });
  },
);
