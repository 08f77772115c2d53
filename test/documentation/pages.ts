/** What the commands of each page find where they are run, and which of them cannot run here. */
import type { Block } from "./blocks.js";

export interface Page {
  /** Links to packages, by the attributes of these. */
  readonly links?: Readonly<Record<string, string>>;
  /** Run in the page's folder before its commands. A digest that it leaves in a file `digest` is the page's `sha256:…`. */
  readonly given?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const SPEC = `'{"name":"web","tag":"1","contents":["/nix/store/…-hello-2.12.1"],"config":{"Cmd":["/bin/hello"]}}'`;

/** The pages with commands or programs, in the order in which they are run; docs/tasks.md has a test of its own. */
export const LIVE_PAGES: Readonly<Record<string, Page>> = {
  "README.md": {},
  "base-images.md": {
    links: { result: "hello" },
    given: `
      laminix build ./result --name web --tag 1 -o web.tar.gz
      laminix build ./result --name database --tag 1 -o database.tar
      laminix build ./result --name more --tag 1 --format oci-dir -o layout`,
  },
  "closures.md": { links: { result: "web_next", "result-before": "web", "result-dev": "hello" } },
  "command-line.md": { links: { result: "hello" }, given: `echo ${SPEC} >spec.json` },
  "engines.md": {
    links: { result: "hello" },
    given: `
      echo ${SPEC} >spec.json
      laminix build spec.json -o image.tar.gz
      laminix build spec.json --architecture arm64 --format oci-dir -o layout`,
  },
  "binary-caches.md": {},
  "evaluator.md": { given: "echo 'import <nixpkgs>' >default.nix" },
  "image-spec.md": { given: `mkdir site && echo ${SPEC} >spec.json` },
  "installing.md": {},
  "json.md": { links: { result: "hello" } },
  "layering.md": {
    links: { result: "web_next", before: "web" },
    given: `
      echo ${SPEC} | tee spec.json web.json | sed 's/web/worker/' >worker.json
      echo '[["split_every", 2], ["limit_layers", 4]]' >layers.json
      cp "$DOCUMENTATION_SHOP" .
      laminix build ./before --name web -o web-1.tar.gz
      laminix layers spec.json --json >plan.json
      for tag in main 1.0 1.1; do laminix push ./before registry.example/layers:$tag; done
      laminix push ./before registry.example/web:1`,
    env: { IMAGE: "registry.example/layers", COMMIT: "0123abc", RELEASES: "1.0 1.1" },
  },
  "migration.md": {},
  "mounts.md": {
    links: { result: "web" },
    given: `
      echo ${SPEC} >spec.json
      mkdir data srv .devcontainer
      echo '{ "image": "web:1" }' >.devcontainer/base.json
      echo 'services: { web: { image: web:1 } }' >compose.yaml
      laminix build ./result --name web --tag 1 --cmd /bin/web --no-include-store-paths -o web.tar
      podman load --quiet -i web.tar`,
  },
  "nar.md": { given: "nix-store --dump /nix/store/…-hello-2.12.1 >hello.nar" },
  "nix-shell-images.md": { given: "echo '(import <nixpkgs> { }).hello' >hello.nix" },
  "nix.md": {},
  "oci.md": {
    links: { result: "web" },
    given: `echo ${SPEC} | tee amd64.json | sed 's/{/{"architecture":"arm64",/' >arm64.json`,
  },
  "outputs.md": {
    links: { result: "hello" },
    given: `
      mkdir site && echo hello >site/index.html
      for name in debian app; do laminix load ./result --name $name --tag latest; done`,
  },
  "pieces.md": {},
  "pushing.md": {
    links: { result: "hello" },
    given: `
      echo ${SPEC} | tee spec.json amd64.json | sed 's/{/{"architecture":"arm64",/' >arm64.json
      laminix build spec.json -o image.tar.gz
      laminix build arm64.json --format oci-dir -o arm64-layout
      for name in other.example/web:1 registry.example/web:latest registry.example/web:1-amd64; do
        laminix push spec.json $name
      done
      laminix inspect registry.example/base:1 --json | jq -r '.images[0].digest' >digest`,
    env: { COMMIT: "0123abc" },
  },
  "registries.md": {
    links: { result: "hello" },
    given: `
      for each in amd64 arm64; do laminix build ./result --architecture $each -o $each.tar.gz; done
      laminix index amd64.tar.gz arm64.tar.gz --push docker.io/library/nginx:1.27 --json | jq -r .digest >digest`,
  },
  "run-as-root.md": { given: "laminix pull debian:12 -o base.tar" },
  "store.md": { given: "mkdir folder && tar -cf archive.tar folder" },
  "validate.md": {
    links: { result: "hello" },
    given: `
      laminix build ./result -o image.tar.gz
      laminix build ./result --format oci-dir -o layout
      laminix push ./result registry.example/web:1`,
  },
};

/** Programs in whose place a script is run, since what they are for is not here. */
export const STAND_INS: Readonly<Record<string, { readonly reason: string; readonly script: string }>> = {
  npm: {
    reason: "the package is in no registry of a test; `npm test` packs and installs it",
    script: 'case "$*" in "install --global laminix" | "install laminix") ;; *) exit 1 ;; esac',
  },
  gh: { reason: "there is no account at GitHub", script: "cat >/dev/null" },
  ssh: {
    reason: "there is no other machine: what it would run there runs here, and what it would forward is here",
    script: `
      if [ "$1" = -nNT ]; then exec ln -s "\${DOCKER_HOST#unix://}" "\${3%%:*}"; fi
      shift
      exec "$@"`,
  },
  sudo: { reason: "tests that need root have it", script: 'exec "$@"' },
  systemctl: {
    reason: "no systemd manages this machine; test/mounts has systemd read the units",
    script: "",
  },
  "systemd-nspawn": {
    reason: "it registers containers with a systemd that manages the machine",
    script: 'exec /usr/bin/systemd-nspawn --register=no --keep-unit --pipe "$@"',
  },
  nerdctl: { reason: "there is no containerd with nix-snapshotter", script: "" },
  podman: {
    reason: "where the tests run, it cannot run containers: it makes them, and they are not started",
    script: `
      if [ "$1" = run ]; then shift 2; set -- create "$@"; fi
      exec /usr/bin/podman $PODMAN_STORAGE "$@"`,
  },
};

/** Blocks of which only the command lines of laminix are read, by words of theirs. */
const READ_ONLY: Readonly<Record<string, string>> = {
  "hold web ./result --watch": "it stays until the container is removed; test/mounts/hold.test.ts waits",
  "store 'unix:///srv/nix.socket":
    "needs a daemon for the store in /srv; test/mounts/formats.test.ts has such",
  "flake init":
    "would copy the whole checkout, and needs nixpkgs; test/integration/nixTemplate.test.ts does it",
  "packages.aarch64-linux":
    "needs a builder for another processor; test/integration/nixMachines.test.ts has such",
  "docker run -it": "is for a person at a terminal; test/integration/nixShellImage.test.ts runs such a shell",
};

/** Programs that are compiled and not run, by words of theirs. */
export const ONLY_COMPILED: Readonly<Record<string, string>> = {
  "await held.released": "waits until the container is removed; test/mounts/hold.test.ts removes it",
  "holdWhile(plan.roots":
    "needs the container that a program makes by the engine's API; so has test/mounts/hold.test.ts",
  "esbuild.build": "needs an app; test/integration/contexts.test.ts bundles one",
};

export const onlyRead = (block: Block): string | undefined =>
  Object.entries(READ_ONLY).find(([words]) => block.text.includes(words))?.[1];
