/** What mounts, containers, caches and errors are with `--json`. */
import { z } from "zod";
import { bytes, count, type DocumentOf, facts, storePath, storePaths, text } from "./parts.js";

const HELLO = "/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-hello-2.12.1";
const ID = "6f1c0b7c6a3d9b8e2f4a5c6d7e8f90123456789abcdef0123456789abcdef012";

const mount = z.strictObject({
  source: text("On this system."),
  target: text("In the container."),
  kind: z.enum(["folder", "file"]).describe("What it is."),
});

export const mounts = facts({
  storeDir: text("The directory of store paths."),
  mounts: z.array(mount).describe("What to mount, for reading only."),
  links: z
    .array(
      z.strictObject({
        path: storePath("A store path that is a link."),
        text: text("What the link says."),
        mount: mount
          .optional()
          .describe("What to mount where no link can be made; absent where it leads out of the closure."),
      }),
    )
    .describe("Links to make."),
  places: z.array(z.string()).describe("Folders that the root must have, outermost first."),
  roots: storePaths("What keeps all others from garbage collection."),
  narSize: bytes("of the NARs together"),
}).meta({
  examples: [
    {
      storeDir: "/nix/store",
      mounts: [{ source: HELLO, target: HELLO, kind: "folder" }],
      links: [],
      places: ["/nix", "/nix/store"],
      roots: [HELLO],
      narSize: 274_568,
      warnings: [],
    },
  ],
});
export type MountsDocument = DocumentOf<typeof mounts>;

export const held = facts({
  container: text("The container's ID."),
  name: text("The container's name."),
  paths: storePaths("What is held; their closures are with them."),
  links: z.array(z.string()).describe("The roots: a link to each path."),
}).meta({
  examples: [
    {
      container: ID,
      name: "my-container",
      paths: [HELLO],
      links: [`/home/me/.local/state/laminix/held/${ID}/0`],
      warnings: [],
    },
  ],
});
export type HeldDocument = DocumentOf<typeof held>;

const containers = z.array(
  z.strictObject({
    engine: z.enum(["docker", "podman"]).describe("Which engine."),
    host: text("Where the engine listens."),
    engineId: text("Which engine that is."),
    container: text("The container's ID."),
    name: text("The container's name."),
    paths: storePaths("What is held."),
    created: text("When it was first held, ISO 8601."),
  }),
);

export const swept = facts({
  released: containers.describe("Containers that are gone, and whose roots were removed."),
  kept: containers.describe("All others with roots."),
}).meta({
  examples: [
    {
      released: [
        {
          engine: "docker",
          host: "unix:///var/run/docker.sock",
          engineId: "f0a3c5d1-2b4e-4c6a-8d9e-1f2a3b4c5d6e",
          container: ID,
          name: "my-container",
          paths: [HELLO],
          created: "2024-08-01T12:00:00.000Z",
        },
      ],
      kept: [],
      warnings: [],
    },
  ],
});
export type SweptDocument = DocumentOf<typeof swept>;

export const cache = facts({
  path: text("The folder."),
  entries: count("How many layers' digests it has."),
  compressed: count("How many of these are of compressed layers."),
  size: bytes("of the entries"),
  unpackedRoots: z
    .strictObject({ entries: count("How many."), size: bytes("of their tars") })
    .describe("Roots of images that were unpacked for containers."),
}).meta({
  examples: [
    {
      path: "/home/me/.cache/laminix",
      entries: 12,
      compressed: 4,
      size: 2_544,
      unpackedRoots: { entries: 0, size: 0 },
      warnings: [],
    },
  ],
});
export type CacheDocument = DocumentOf<typeof cache>;

export const doctor = facts({
  features: z
    .array(
      z.strictObject({
        feature: text("Its name."),
        neededFor: text("What does not work without it."),
        status: z
          .enum(["ok", "limited", "missing", "unknown"])
          .describe("`limited`: a part of it works; `unknown`: it was not tried, or did not answer in time."),
        found: text("What is there, or what is wrong; words for people."),
        todo: text("What to do about it; words for people.").optional(),
      }),
    )
    .describe("What was looked for."),
}).meta({
  examples: [
    {
      features: [
        {
          feature: "daemon",
          neededFor: "questions to the Nix store, images of store paths",
          status: "ok",
          found: "Nix 2.24.9, protocol 1.37, trusts you, at /nix/var/nix/daemon-socket/socket",
        },
        {
          feature: "xz",
          neededFor: "NARs of binary caches, archives and kernel modules with xz",
          status: "missing",
          found: "xz is not in PATH",
          todo: "install xz (Debian's package xz-utils)",
        },
      ],
      warnings: [],
    },
  ],
});
export type DoctorDocument = DocumentOf<typeof doctor>;

export const failure = z
  .strictObject({
    error: z
      .strictObject({
        code: text("One of those in docs/errors.md; it is stable."),
        message: text("What went wrong, in words."),
        hint: text("What to do about it, where there is something to do.").optional(),
      })
      .describe("Why the command failed."),
    warnings: z.array(z.string()).describe("Those that no document has had before."),
  })
  .meta({
    examples: [
      {
        error: {
          code: "ERR_PATH_NOT_VALID",
          message: `${HELLO} is not valid in the store`,
          hint: "build or fetch it first, for example with nix-store --realise",
        },
        warnings: [],
      },
    ],
  });

export const leftWarnings = z
  .strictObject({ warnings: z.array(z.string()).min(1).describe("The warnings.") })
  .meta({ examples: [{ warnings: ["Git tree '/home/me/app' is dirty"] }] });
