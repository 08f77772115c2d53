/** The images whose bytes are recorded, by what is particular about each. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { ImageSpec, SingleLayerSpec } from "../../../dist/index.js";
import type { BaseImages } from "./baseImages.js";

export interface Ingredients {
  /** A store path by its name. */
  readonly path: (name: string) => string;
  readonly bases: BaseImages;
  /** A plain folder, as `writePlainFolder` writes it. */
  readonly folder: string;
}

export type Spec = (of: Ingredients) => Partial<ImageSpec & SingleLayerSpec>;

const python = (of: Ingredients): string[] => [of.path("app-1.0"), of.path("tool-2")];

export const specs = {
  "strategy auto": (of) => ({ contents: python(of), strategy: "auto", maxLayers: 7 }),
  "strategy popularity": (of) => ({ contents: python(of), strategy: "popularity", maxLayers: 7 }),
  "strategy balanced": (of) => ({ contents: python(of), strategy: "balanced", maxLayers: 7 }),
  "strategy balanced with history": (of) => ({
    contents: python(of),
    strategy: "balanced",
    maxLayers: 6,
    previous: { layers: [{ paths: [of.path("glibc-2.38"), of.path("zlib-1.3.1")] }] },
    history: [{ layers: [{ paths: [of.path("glibc-2.38"), of.path("openssl-3.0.13")] }] }],
    volatility: [{ match: "python3.11-*", volatility: 5 }],
  }),
  pipeline: (of) => ({
    contents: python(of),
    layeringPipeline: [
      ["split_paths", [of.path("python3-3.11.9")]],
      ["over", "main", ["subcomponent_in", [of.path("python3.11-numpy-1.26.4")]]],
      ["over", "rest", ["pipe", [["popularity_contest"], ["limit_layers", 3]]]],
    ],
  }),
  "a layer a path": (of) => ({ contents: python(of), config: { Cmd: ["/bin/app"] } }),
  "one store layer": (of) => ({ contents: [of.path("tool-2")], maxLayers: 2 }),
  "odd names": (of) => ({ contents: [of.path("odd")], tag: null }),
  "files and links as contents": (of) => ({
    contents: [of.path("text"), of.path("link"), of.path("certificates"), of.path("tool-2")],
  }),
  copyToRoot: (of) => ({
    contents: [of.path("bash-5.2")],
    copyToRoot: [of.path("tool-2"), of.path("odd"), of.folder],
  }),
  keepContentsDirlinks: (of) => ({ copyToRoot: [of.path("tool-2")], keepContentsDirlinks: true }),
  "a plain folder": (of) => ({ contents: [of.folder, of.path("zlib-1.3.1")] }),
  extraCommands: (of) => ({
    contents: [of.path("tool-2")],
    extraCommands: `mkdir -p var/lib/app; echo ${of.path("app-1.0")} >var/lib/app/names; chmod 4711 var/lib/app/names
      ln -s names var/lib/app/link; ln var/lib/app/names var/lib/app/again; printf x >$'var/lib/app/\\xff\\n'`,
    tag: null,
  }),
  fakeRootCommands: (of) => ({
    contents: [of.path("tool-2")],
    extraCommands: "mkdir -p dev srv; touch srv/file",
    fakeRootCommands: "chown -R 1000:3000000 srv; chmod 600 srv/file; mknod dev/null c 1 3",
  }),
  perms: (of) => ({
    contents: [of.path("tool-2"), { files: { "/data": { folder: true }, "/data/a.conf": { text: "a" } } }],
    perms: [
      { path: "/data", uid: 1000, gid: 4_000_000, uname: "app", gname: "größe" },
      { path: "/data", regex: "\\.conf$", mode: "0640" },
    ],
  }),
  pieces: (of) => ({
    contents: [
      { piece: "fakeNss", extraPasswdLines: ["alice:x:1000:1000:Alice:/home/alice:/bin/sh"] },
      { piece: "binSh", shell: `${of.path("bash-5.2")}/bin/bash` },
      { piece: "usrBinEnv", coreutils: `${of.path("coreutils-9.5")}/bin/coreutils` },
      { piece: "caCertificates", cacert: of.path("certificates") },
      { files: { "/etc/motd": { text: "Grüße\n", mode: "0600" }, "/l": { link: "/etc/motd" } } },
    ],
  }),
  owner: (of) => ({
    contents: [of.path("tool-2")],
    uid: 1000,
    gid: 3_000_000,
    uname: "jürgen",
    gname: "g".repeat(40),
  }),
  times: (of) => ({
    contents: [of.path("tool-2")],
    created: "2024-02-29T12:00:00.123456-05:30",
    mtime: "2106-02-07T06:28:16Z",
    tag: null,
  }),
  configuration: (of) => ({
    name: "Registry.example:5000/My/Image",
    contents: [of.path("zlib-1.3.1")],
    config: {
      Entrypoint: [`${of.path("bash-5.2")}/bin/bash`, "-c"],
      Cmd: ['echo "Grüße" 🎉 </script>'],
      Env: ["A=1", "B=", "A=2"],
      Labels: { z: "1", a: "2", ключ: "значение" },
      ExposedPorts: { "80/tcp": {} },
      Volumes: { "/data": {} },
      User: "1000:1000",
      Healthcheck: { Test: ["NONE"], Interval: 30_000_000_000 },
    },
    architecture: "arm",
    variant: "v7",
    annotations: { "org.opencontainers.image.title": "a title", a: "é" },
    tag: null,
  }),
  "no store paths": (of) => ({ contents: [of.path("tool-2")], includeStorePaths: false }),
  "store paths by name only": (of) => ({
    contents: [of.path("zlib-1.3.1")],
    config: { Env: [`NAMED=${of.path("app-1.0")}`] },
    namedOnly: [of.path("app-1.0")],
  }),
  nothing: () => ({}),
  "a docker-archive as base": (of) => ({
    fromImage: of.bases.archive,
    contents: [of.path("tool-2")],
    config: { Env: ["PATH=/bin", "OWN=1"], Labels: { own: "yes" } },
    maxLayers: 6,
    tag: null,
  }),
  "a compressed docker-archive as base": (of) => ({ fromImage: of.bases.gzipped, contents: [of.folder] }),
  "an OCI layout as base": (of) => ({
    fromImage: of.bases.layout,
    architecture: "arm64",
    contents: [of.path("tool-2")],
    strategy: "popularity",
    maxLayers: 6,
    tag: null,
  }),
} satisfies Readonly<Record<string, Spec>>;

export const singleLayerSpecs = {
  copyToRoot: (of) => ({ copyToRoot: [of.path("tool-2"), of.path("odd")], config: { Cmd: ["/bin/tool"] } }),
  "the old name of copyToRoot": (of) => ({ contents: [of.path("bash-5.2")] }),
  "owner and commands": (of) => ({
    copyToRoot: [of.folder],
    uid: 1000,
    gid: 100,
    extraCommands: "mkdir -p srv; echo text >srv/file",
    tag: null,
  }),
  fakeRootCommands: (of) => ({
    copyToRoot: [of.path("zlib-1.3.1")],
    fakeRootCommands: "mkdir srv; chown 3:4 srv",
  }),
  "a docker-archive as base": (of) => ({ fromImage: of.bases.archive, copyToRoot: [of.path("tool-2")] }),
  "an OCI layout as base": (of) => ({ fromImage: of.bases.layout, copyToRoot: [of.folder] }),
} satisfies Readonly<Record<string, Spec>>;

/** Fills in what would depend on the machine, and a name and a tag. */
export function complete(spec: ReturnType<Spec>): ReturnType<Spec> {
  return { name: "image", tag: "1", architecture: "amd64", ...spec };
}

/** Files of all kinds that a folder on a disk may have. */
export function writePlainFolder(place: string): void {
  for (const folder of ["bin", "etc/app", ".git", "empty"])
    mkdirSync(`${place}/${folder}`, { recursive: true });
  writeFileSync(`${place}/bin/start`, "#!/bin/sh\nexec app\n", { mode: 0o700 });
  writeFileSync(`${place}/etc/app/app.conf`, "port = 80\n", { mode: 0o600 });
  writeFileSync(`${place}/etc/app/app.conf~`, "port = 79\n");
  writeFileSync(`${place}/.git/HEAD`, "ref\n");
  symlinkSync("app/app.conf", `${place}/etc/link`);
}
