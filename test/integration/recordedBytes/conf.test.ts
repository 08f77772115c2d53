import { chmodSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import { sha256 } from "../../support/images.js";
import { describeWith } from "../../support/requirements.js";
import { mustRun, projectRoot } from "../../support/run.js";
import { archiveDigests } from "./digests.js";
import { type FixedInputs, fixedInputs } from "./fixedInputs.js";
import { recordBeside } from "./record.js";
import { specs } from "./specs.js";

const { recordedTest } = recordBeside(import.meta.filename);

/** Where the store's folder is for these commands: what they print has places on the disk in it. */
const ROOT = "/mnt";
const STORE = `${ROOT}/store`;

describeWith(
  ["root", "linux", "unshare", "nix-daemon", "nix-store", "bash", "tar", "fakeroot"],
  "the recorded bytes are those of",
  () => {
    let inputs: FixedInputs;
    beforeAll(async () => {
      inputs = await fixedInputs();
    });
    afterAll(async () => {
      await inputs[Symbol.asyncDispose]();
    });

    const at = (name: string): string => inputs.store.path(name).replace("/nix/store", STORE);
    /** The place of {@link ROOT} outside. */
    const hostRoot = (): string => path.join(inputs.store.nix.root, "nix");
    /** Runs the command line with the store at its place, and with no daemon; answers its standard output. */
    async function run(args: readonly string[]): Promise<Buffer> {
      const script = `mount --bind "$0" ${ROOT} && exec "$@"`;
      const command = [
        process.execPath,
        path.join(projectRoot, "dist/bundled/laminix.js"),
        ...args,
        "--quiet",
      ];
      const options = { env: { NIX_REMOTE: `unix://${inputs.newFile("no-daemon")}` } };
      const unshared = ["--mount", "sh", "-c", script, hostRoot(), ...command];
      return (await mustRun("unshare", unshared, options)).stdout;
    }

    const usual = {
      ...{ architecture: "amd64", os: "linux", from_image: null, repo_tag: "image:1", store_dir: STORE },
      ...{ created: "1970-01-01T00:00:01+00:00", mtime: "1970-01-01T00:00:01+00:00" },
      ...{ uid: "0", gid: "0", uname: "root", gname: "root", store_layers: [] },
    };
    /** @param config is text, so that it can be what no JavaScript value is */
    function confFile(changes: Readonly<Record<string, unknown>>, config = "{}"): string {
      const text = JSON.stringify({ ...usual, ...changes });
      return inputs.write("conf.json", `${text.slice(0, -1)},"config":${config}}`);
    }

    recordedTest("stream-conf: store paths", async () => {
      const layers = [[at("glibc-2.38")], [at("text"), at("link")], [], [at("tool-2"), at("odd")]];
      return archiveDigests(await run(["stream-conf", confFile({ store_layers: layers })]));
    });

    recordedTest("stream-conf: other owners, times and names", async () => {
      const conf = confFile({
        ...{
          store_layers: [[at("odd")]],
          uid: "2097152",
          gid: "4294967294",
          uname: "jürgen",
          gname: "g".repeat(33),
        },
        ...{ mtime: "2020-05-17T10:20:30.75+02:00", created: "2024-02-29T12:00:00.123456-05:30" },
        ...{ architecture: "arm64" },
      });
      return archiveDigests(await run(["stream-conf", conf, "-t", "registry.example:5000/grüße:2"]));
    });

    recordedTest("stream-conf: a configuration that is hard on JSON", async () => {
      const config = `{"10":1,"9":2,"Env":["A=1","B=2","A=3"],"float":[1.0,-0.0,1e5,1E400,1e-7],"big":9007199254740993,
      "__proto__":{"x":true},"twice":1,"other":{},"twice":2,"ключ":"\\ud800","":{"":[]}}`;
      return archiveDigests(
        await run(["stream-conf", confFile({ store_layers: [[at("zlib-1.3.1")]] }, config)]),
      );
    });

    recordedTest("stream-conf: a base, and a layer of its own making", async () => {
      const spec = inputs.specFile(specs.fakeRootCommands);
      const customisation = path.join(hostRoot(), "customisation");
      await inputs.run(["customise", spec, "--output", customisation]);
      chmodSync(path.join(customisation, "layer.tar"), 0o444); // as in a store
      const made = { customisation_layer: `${ROOT}/customisation`, store_layers: [[at("bash-5.2")]] };
      const { archive, gzipped } = inputs.ingredients.bases;
      const streamed = async (from_image: string): Promise<Buffer> =>
        run(["stream-conf", confFile({ ...made, from_image }, '{"Env":["PATH=/bin"]}')]);
      const digests = await archiveDigests(await streamed(archive));
      return { ...digests, "upon a compressed one": sha256(await streamed(gzipped)) };
    });

    recordedTest("conf", async () => {
      const base = `{"architecture":"arm64","config":{"z":1.0,"a":9007199254740993,"b":"${at("zlib-1.3.1")}"},"os":"linux"}`;
      await inputs.store.nix.addTextFile("base.json", base);
      const closure = await inputs.run(["closure", inputs.store.path("app-1.0"), "--json"]);
      const top = at("customisation-layer");
      const graph = [
        ...(JSON.parse(closure.toString().replaceAll("/nix/store", STORE)) as readonly object[]),
        { path: at("base.json"), narSize: 500, references: [at("zlib-1.3.1")] },
        { path: top, narSize: 8000, references: [at("app-1.0")] },
      ];
      const image = {
        ...{ name: "My/Image", tag: null, fromImage: null, maxLayers: 6, strategy: "auto" },
        ...{ created: "2024-05-06", mtime: "@7", uid: 1000, gid: 100, uname: "alice", gname: "users" },
        ...{ layeringPipeline: null, storeDir: STORE, customisationLayer: top, baseJson: at("base.json") },
      };
      const conf = async (changes: Readonly<Record<string, unknown>>): Promise<string> => {
        const attributes = { outputs: { out: at("conf.json") }, graph, image: { ...image, ...changes } };
        const file = inputs.write("attrs.json", JSON.stringify(attributes));
        return sha256(await run(["conf", file, "--output", "-"]));
      };
      return {
        auto: await conf({}),
        balanced: await conf({ strategy: "balanced" }),
        pipeline: await conf({ layeringPipeline: [["popularity_contest"], ["limit_layers", 3]] }),
      };
    });

    // The folders above the store are those that are there, but for stream-conf.
    recordedTest("stream: a store elsewhere", async () => {
      const graph = (await inputs.run(["closure", inputs.store.path("tool-2"), "--json"])).toString();
      const file = inputs.write("graph.json", graph.replaceAll("/nix/store", STORE));
      const flags = ["--graph", file, "--strategy", "auto", "--max-layers", "4", "--architecture", "amd64"];
      return archiveDigests(await run(["stream", at("tool-2"), ...flags]));
    });
  },
);
