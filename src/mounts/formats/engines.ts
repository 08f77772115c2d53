/** The words of container engines: flags of docker and podman, their API, compose files, dev containers. */
import type { Mount } from "../mountPlan.js";
import { requireArgumentRoom } from "./limits.js";

/** A field of a flag that is read as a line of CSV, with quotes where it needs them. */
function field(text: string): string {
  return /[",\s]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export type Access = "ro" | "rw";

/** `docker run --mount`: `type=bind,…`. A source that is not there is an error, and not a new folder as with `-v`. */
export function dockerMount({ source, target }: Mount, access: Access = "ro"): string {
  const fields = ["type=bind", field(`source=${source}`), field(`target=${target}`)];
  return [...fields, ...(access === "ro" ? ["readonly"] : [])].join(",");
}

/** `podman run --mount`, and `Mount=` of quadlet. */
export function podmanMount({ source, target }: Mount, access: Access = "ro"): string {
  const fields = ["type=bind", field(`source=${source}`), field(`destination=${target}`)];
  return [...fields, ...(access === "ro" ? ["ro=true"] : [])].join(",");
}

export function dockerArguments(mounts: readonly Mount[]): string[] {
  return checked(
    "docker",
    mounts.map((mount) => `--mount=${dockerMount(mount)}`),
  );
}

export function podmanArguments(mounts: readonly Mount[]): string[] {
  return checked(
    "podman",
    mounts.map((mount) => `--mount=${podmanMount(mount)}`),
  );
}

function checked(program: string, args: string[]): string[] {
  requireArgumentRoom(program, args);
  return args;
}

/** Docker Engine API, `POST /containers/create`. */
export function engineApi(mounts: readonly Mount[]): object {
  return {
    HostConfig: {
      Mounts: mounts.map(({ source, target }) => ({
        Type: "bind",
        Source: source,
        Target: target,
        ReadOnly: true,
        BindOptions: { Propagation: "rprivate" },
      })),
    },
  };
}

/**
 * A compose file with mounts and no more, for a second `-f`: volumes of several files are merged by target
 * (compose specification, 13-merge.md). In YAML's flow style, whose strings are JSON's; a dollar sign is written twice.
 */
export function composeFile(mounts: readonly Mount[], service: string): string {
  const text = (value: string): string => JSON.stringify(value.replaceAll("$", "$$$$"));
  const volumes = mounts.map(
    ({ source, target }) =>
      `      - { type: bind, source: ${text(source)}, target: ${text(target)}, read_only: true, bind: { create_host_path: false } }\n`,
  );
  const list = volumes.length === 0 ? " []\n" : `\n${volumes.join("")}`;
  return `services:\n  ${JSON.stringify(service)}:\n    volumes:${list}`;
}

/** `devcontainer.json`: strings, since mounts as objects have no `readonly`. */
export function devContainer(mounts: readonly Mount[]): object {
  const strings = mounts.map((mount) => dockerMount(mount));
  requireArgumentRoom(
    "docker, which the dev container's tools call,",
    strings.map((each) => `--mount=${each}`),
  );
  return { mounts: strings };
}
