import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { binSh, caCertificates, fakeNss, usrBinEnv } from "../../../dist/index.js";
import { type DockerTools, dockerTools, enginePrograms } from "../../support/dockerTools.js";
import { describeWith } from "../../support/requirements.js";

describeWith(enginePrograms, "dockerTools: pieces", () => {
  let tools: DockerTools;
  beforeAll(async () => {
    tools = await dockerTools();
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
  });

  test("image-with-certs: the three paths of certificates are readable", async () => {
    const bundle = "-----BEGIN CERTIFICATE-----\n";
    const cacert = await tools.nix.store.addTree("nss-cacert", (place) => {
      mkdirSync(`${place}/etc/ssl/certs`, { recursive: true });
      writeFileSync(`${place}/etc/ssl/certs/ca-bundle.crt`, bundle);
    });
    const places = [
      "/etc/ssl/certs/ca-bundle.crt",
      "/etc/ssl/certs/ca-certificates.crt",
      "/etc/pki/tls/certs/ca-bundle.crt",
    ];
    for (const made of [
      await tools.single({ name: "certs", tag: "1", copyToRoot: [tools.busybox, caCertificates(cacert)] }),
      await tools.build({
        name: "certs",
        tag: "2",
        contents: [tools.busybox, { piece: "caCertificates", cacert }],
      }),
    ]) {
      expect(await tools.runMade(made, ["/bin/cat", ...places])).toBe(bundle.repeat(3).trim());
    }
  });

  test("binSh, usrBinEnv, fakeNss: scripts find their shell, and accounts have names", async () => {
    const script = await tools.nix.store.addTree("script", (place) => {
      mkdirSync(`${place}/bin`, { recursive: true });
      const text =
        "#!/usr/bin/env sh\nwhoami; id -gn app 2>/dev/null || grep ^app: /etc/group; grep hosts: /etc/nsswitch.conf\n";
      writeFileSync(`${place}/bin/script`, text, { mode: 0o755 });
    });
    const tool = (name: string): string => `${tools.busybox}/bin/${name}`;
    const made = await tools.stream({
      ...{ name: "pieces", tag: "1" },
      contents: [
        script,
        binSh(tool("sh")),
        usrBinEnv(tools.busybox),
        fakeNss({ extraPasswdLines: ["app:x:1000:1000::/:/bin/sh"], extraGroupLines: ["app:x:1000:"] }),
      ],
      config: { Cmd: ["/bin/script"], User: "app", Env: [`PATH=${tools.busybox}/bin`] },
    });
    expect(await tools.runMade(made)).toBe("app\napp\nhosts: files dns");
    const root = await tools.run(
      made.reference,
      ["/bin/sh", "-c", "whoami; stat -c '%a %u' /var/empty /etc/passwd"],
      ["--user", "0"],
    );
    expect(root).toBe("root\n755 0\n644 0");
  });
});
