/** A Nix store whose paths and bytes are the same on every machine: by name at /nix/store, its files elsewhere. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { sha256 } from "../../support/images.js";
import { type NixStore, startNixStore } from "../../support/nixStore.js";
import { Random } from "../../support/random.js";
import { writeOddTree } from "../../tar/oddTree.js";

export interface FixedStore extends AsyncDisposable {
  readonly nix: NixStore;
  /** The store as a URI that says where its files are. */
  readonly disk: string;
  /** A store path by its name. */
  path(name: string): string;
}

interface Package {
  readonly size: number;
  readonly references?: readonly string[];
}

/** Dependencies first. */
const packages: Readonly<Record<string, Package>> = {
  "glibc-2.38": { size: 30_000, references: ["glibc-2.38"] },
  "zlib-1.3.1": { size: 3_000, references: ["glibc-2.38"] },
  "openssl-3.0.14": { size: 12_000, references: ["glibc-2.38"] },
  "ncurses-6.4": { size: 5_000, references: ["glibc-2.38"] },
  "bash-5.2": { size: 8_000, references: ["glibc-2.38", "ncurses-6.4"] },
  "coreutils-9.5": { size: 9_000, references: ["glibc-2.38", "openssl-3.0.14"] },
  "openblas-0.3.27": { size: 40_000, references: ["glibc-2.38"] },
  "python3-3.11.9": {
    size: 50_000,
    references: ["glibc-2.38", "zlib-1.3.1", "openssl-3.0.14", "bash-5.2", "ncurses-6.4"],
  },
  "python3.11-requests-2.31.0": { size: 2_000, references: ["python3-3.11.9", "openssl-3.0.14"] },
  "python3.11-numpy-1.26.4": { size: 25_000, references: ["python3-3.11.9", "openblas-0.3.27"] },
  "app-1.0": {
    size: 1_500,
    references: ["python3.11-requests-2.31.0", "python3.11-numpy-1.26.4", "bash-5.2", "app-1.0"],
  },
  "tool-2": { size: 700, references: ["bash-5.2", "coreutils-9.5"] },
};

export async function startFixedStore(): Promise<FixedStore> {
  const nix = await startNixStore({ storeDir: "/nix/store" });
  const path = (name: string): string => nix.pathFor(name);
  for (const [seed, [name, { size, references = [] }]] of Object.entries(packages).entries()) {
    const paths = references.map(path);
    const write = (place: string): void => writePackage(place, name, new Random(seed).bytes(size), paths);
    await nix.addTree(name, write, { references: paths });
  }
  await nix.addTree("odd", writeOddTree);
  await nix.addTextFile("text", `echo ${path("bash-5.2")}\n`, [path("bash-5.2")]);
  await nix.addTree("link", (place) => symlinkSync(path("coreutils-9.5"), place), {
    references: [path("coreutils-9.5")],
  });
  await nix.addTree("certificates", (place) => {
    mkdirSync(`${place}/etc/ssl/certs`, { recursive: true });
    writeFileSync(`${place}/etc/ssl/certs/ca-bundle.crt`, "certificates\n");
  });
  return {
    nix,
    disk: `${nix.uri}?real=${nix.realStoreDir}`,
    path,
    [Symbol.asyncDispose]: () => nix[Symbol.asyncDispose](),
  };
}

/** Writes all of the store as a binary cache, in which nothing is signed, into a new folder; answers its URL. */
export async function writeBinaryCache({ nix }: FixedStore, folder: string): Promise<string> {
  mkdirSync(`${folder}/nar`, { recursive: true });
  writeFileSync(`${folder}/nix-cache-info`, `StoreDir: ${nix.storeDir}\n`);
  const query = async (...args: readonly string[]): Promise<string[]> =>
    (await nix.run("nix-store", ["--query", ...args])).stdout.toString().trim().split("\n");
  for (const place of readdirSync(nix.realStoreDir).filter((name) => !name.startsWith("."))) {
    const nar = (await nix.run("nix-store", ["--dump", `${nix.realStoreDir}/${place}`])).stdout;
    const references = await query("--references", `${nix.storeDir}/${place}`);
    const [hash = ""] = place.split("-");
    writeFileSync(`${folder}/nar/${hash}.nar`, nar);
    const fields = {
      StorePath: `${nix.storeDir}/${place}`,
      URL: `nar/${hash}.nar`,
      Compression: "none",
      NarHash: `sha256:${sha256(nar)}`,
      NarSize: nar.length,
      References: references.map((path) => basename(path)).join(" "),
    };
    const lines = Object.entries(fields).map(([key, value]) => `${key}: ${value}\n`);
    writeFileSync(`${folder}/${hash}.narinfo`, lines.join(""));
  }
  return `file://${folder}?trusted=true`;
}

/** Programs and links, a folder that every package has, and one that is a link. */
function writePackage(place: string, name: string, data: Buffer, references: readonly string[]): void {
  const program = name.replace(/-[\d.]+$/, "");
  for (const folder of ["bin", `lib/${program}`, "share/doc"])
    mkdirSync(`${place}/${folder}`, { recursive: true });
  const script = `#!/bin/sh\n${references.map((path) => `# ${path}\n`).join("")}`;
  writeFileSync(`${place}/bin/${program}`, script, { mode: 0o755 });
  writeFileSync(`${place}/bin/common`, name, { mode: 0o755 });
  symlinkSync(program, `${place}/bin/${program}-alias`);
  writeFileSync(`${place}/lib/${program}/data`, data);
  symlinkSync("lib", `${place}/lib64`);
  writeFileSync(`${place}/share/doc/${name}.txt`, `${name}\n`.repeat(20));
}
