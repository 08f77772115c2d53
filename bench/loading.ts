/** `laminix load` into Docker beside `laminix stream | docker load` of the same image, the digest cache being warm. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { debianClosure, largePackages } from "../test/support/debianStore.js";
import { type DockerEngine, startDockerEngine } from "../test/support/dockerEngine.js";
import { lacking } from "../test/support/requirements.js";
import { projectRoot } from "../test/support/run.js";
import { type LargeImage, withLargeImage } from "./support/largeImage.js";
import { compare, measure } from "./support/measure.js";
import { mebibytes, ratio, seconds, table } from "./support/table.js";

export async function loading(): Promise<string> {
  const reason = lacking(["dockerd"]);
  if (reason !== undefined) return `loading: ${reason}`;
  await using engine = await startDockerEngine();
  return await withLargeImage((image) => measureLoading(image, engine));
}

async function measureLoading(image: LargeImage, engine: DockerEngine): Promise<string> {
  const { roots } = await debianClosure(largePackages);
  const laminix = [process.execPath, path.join(projectRoot, "dist/bundled/laminix.js")];
  const env = { ...engine.env, LAMINIX_CACHE_DIR: path.join(image.folder, "cache") };
  const run = (verb: string): Promise<{ seconds: number; peakBytes: number }> => {
    const args = [path.join(image.folder, "root"), "--name", "image", "--tag", "1", "--store", image.store];
    const command = [...laminix, verb, ...roots, ...args, "--quiet"];
    const pipe = ["bash", "-c", 'set -o pipefail; "$@" | docker load --quiet', "bash"];
    return measure(verb === "stream" ? [...pipe, ...command] : command, { env });
  };
  const removeAll = (): Promise<unknown> => engine.docker(["image", "prune", "--all", "--force"]);
  await mkdir(path.join(image.folder, "root"));
  let changes = 0;
  /** What lies in the uppermost layer becomes something else. */
  const change = async (): Promise<void> => {
    await writeFile(path.join(image.folder, "root", "change"), String(changes++));
  };
  const results = await compare(
    {
      "stream | docker load, nothing is there": async () => {
        await change();
        await removeAll();
        return run("stream");
      },
      "load, nothing is there": async () => {
        await change();
        await removeAll();
        return run("load");
      },
      "stream | docker load, one layer is another": async () => {
        await change();
        return run("stream");
      },
      "load, one layer is another": async () => {
        await change();
        return run("load");
      },
      "stream | docker load, all is there": () => run("stream"),
      "load, all is there": () => run("load"),
    },
    { rounds: 3 },
  );
  let peer = 0;
  const rows = Object.entries(results).map(([name, result]) => {
    if (name.startsWith("stream")) peer = result.seconds;
    return [name, seconds(result.seconds), ratio(peer / result.seconds), mebibytes(result.peakBytes)];
  });
  return table([`${String(image.paths)} store paths into Docker`, "time", "faster", "peak memory"], rows);
}
