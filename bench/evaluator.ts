/**
 * An evaluator that stays alive beside `nix-instantiate`, a program a question, on a generated set of 20,000 packages, for
 * each Nix that there is.
 */
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Evaluator, type EvaluatorValue, openEvaluator } from "laminix/evaluator";
import { type Nix, nixes, searchPath } from "../test/support/nixes.js";
import { startNixStore } from "../test/support/nixStore.js";
import { temporaryFolder } from "../test/support/temporary.js";
import { measure, median } from "./support/measure.js";
import { seconds, table } from "./support/table.js";

const PACKAGES = 20_000;
const ROUNDS = 5;
const QUESTIONS = 300;
/** Milliseconds in which the spare process has loaded the set too. */
const QUIET = 5_000;

export async function evaluator(): Promise<string> {
  await using folder = await temporaryFolder("packages");
  const file = folder.join("packages.nix");
  await writeFile(file, packages());
  const tables: string[] = [];
  for (const nix of nixes) tables.push(await measureNix(nix, file));
  return tables.join("\n\n");
}

async function measureNix({ release, name }: Nix, file: string): Promise<string> {
  await using store = await startNixStore({ nix: release });
  const env = { ...store.env, PATH: searchPath(release) };
  const open = (): Promise<Evaluator> => openEvaluator({ env });
  const path = `${packageName(777)}.version`;

  const programs: number[] = [];
  const firsts: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const command = ["nix-instantiate", "--eval", "--json", "-A", path, file];
    programs.push((await measure(command, { env })).seconds);
    let first: Evaluator | undefined;
    firsts.push(
      await timed(async () => {
        first = await open();
        await (await first.load({ file })).get(packageName(777), "version").toJS();
      }),
    );
    await first?.close();
  }

  await using opened = await open();
  const set = await opened.load({ file });
  const names = await set.keys();
  await sleep(QUIET);
  const warm: number[] = [];
  for (let i = 0; i < QUESTIONS; i++) {
    const value = set.get(packageName((i * 6151) % PACKAGES)).get("version");
    warm.push(await timed(() => value.toJS()));
  }
  const keys = await repeated(() => set.keys({ prefix: "package-12" }));
  const all = (count: number) => () =>
    opened.all(names.slice(0, count).map((each) => set.get(each, "version")));
  const thousand = await repeated(all(1000));
  const everything = await timed(all(PACKAGES));
  const [afterFirst, afterSecond] = await afterCancels(opened, set);

  const program = median(programs) ?? 0;
  const answer = median(warm) ?? 0;
  const first = median(firsts) ?? 0;
  const target = (most: string): string => `at most ${most}`;
  return table(
    [name, "time", "beside a program", "target"],
    [
      ["nix-instantiate, one version", seconds(program), "1.00", ""],
      ["open, load, one version", seconds(first), (first / program).toFixed(2), target("1.40")],
      [
        "one version more, warm",
        seconds(answer),
        `1 / ${(program / answer).toFixed(0)}`,
        "at most 5 ms and 1 / 200",
      ],
      ["names with a prefix (1,000)", seconds(keys), "", target("60 ms")],
      ["1,000 versions at once", seconds(thousand), "", target("500 ms")],
      ["all versions at once", seconds(everything), "", ""],
      ["the next answer after a question is given up", seconds(afterFirst), "", target("300 ms")],
      [
        "the same right after, and one load more",
        seconds(afterSecond),
        (afterSecond / first).toFixed(2),
        "one more load",
      ],
    ],
  );
}

/** Seconds until the next answer, after a question has been given up, and after another one right behind it. */
async function afterCancels(opened: Evaluator, set: EvaluatorValue): Promise<readonly [number, number]> {
  const endless = await opened.load(
    "_: builtins.foldl' (a: _: builtins.foldl' (x: y: x + y) a (builtins.genList (i: i) 100000)) 0 (builtins.genList (i: i) 1000000)",
  );
  await sleep(QUIET);
  const after = async (): Promise<number> => {
    const controller = new AbortController();
    const given = endless.apply([0], { signal: controller.signal }).catch(() => undefined);
    await sleep(100);
    controller.abort();
    await given;
    return timed(() => set.get(packageName(1), "version").toJS());
  };
  return [await after(), await after()];
}

function packageName(i: number): string {
  return `package-${String(i).padStart(5, "0")}`;
}

/** Some 5 MB of source. */
function packages(): string {
  const items = Array.from({ length: PACKAGES }, (_, i) => {
    const name = packageName(i);
    return (
      `  ${name} = { name = "${name}"; version = "1.${String(i)}"; ` +
      `src = "https://example.org/${name}-1.${String(i)}.tar.gz"; buildInputs = [ "zlib" "openssl" "bash" ]; ` +
      `meta = { license = "MIT"; description = "Package ${String(i)} of many"; homepage = "https://example.org/${String(i)}"; }; };`
    );
  });
  return `{\n${items.join("\n")}\n}\n`;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function repeated(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push(await timed(work));
  return median(times) ?? 0;
}
