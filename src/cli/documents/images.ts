/** What commands that write images, and send them somewhere, tell with `--json`. */
import { z } from "zod";
import { bytes, count, digest, type DocumentOf, facts, layerFacts, platform, text } from "./parts.js";

const HASH = "sha256:cbe41c6f4f5e1f3b5d0b4c2f6c0e1b1a9a7b8b2f0e4e2b3f9e6a1d2c3b4a5f60";
const OTHER = "sha256:2c3d0f7f1b6a4f9f0a9f1a3b5c7d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f809";
const HELLO = "/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-hello-2.12.1";

const output = text("Where it was written, as `--output` says it: `-` is standard output.");
const compression = z.enum(["none", "gz", "zstd"]).describe("How the file is compressed.");
const fileSize = bytes("of the file");

export const image = facts({
  name: text("The repository's name."),
  tag: text("The tag."),
  reference: text("`name:tag`."),
  output,
  format: z.enum(["docker-archive", "oci-archive", "oci-dir"]).describe("What was written."),
  compression: compression.optional().describe("How the archive is compressed; a folder has none."),
  size: bytes("of the file; of a folder, of the image's blobs"),
  digest: digest("Of the image's manifest; a docker-archive has none.").optional(),
  layers: z
    .array(z.strictObject({ ...layerFacts, size: bytes("of the uncompressed tar") }))
    .describe("Bottom first."),
}).meta({
  examples: [
    {
      name: "hello",
      tag: "1b9p07z77phvv2hf6gm9f28syp39f1ag",
      reference: "hello:1b9p07z77phvv2hf6gm9f28syp39f1ag",
      output: "hello.tar.gz",
      format: "docker-archive",
      compression: "gz",
      size: 85_231,
      layers: [{ kind: "store", sources: [HELLO], diffId: HASH, size: 276_480 }],
      warnings: [],
    },
  ],
});
export type ImageDocument = DocumentOf<typeof image>;

export const confImage = facts({ output, compression, size: fileSize }).meta({
  examples: [{ output: "image.tar.gz", compression: "gz", size: 85_231, warnings: [] }],
});
export type ConfImageDocument = DocumentOf<typeof confImage>;

export const file = facts({ output, size: fileSize }).meta({
  examples: [{ output: "root.tar", size: 276_480, warnings: [] }],
});
export type FileDocument = DocumentOf<typeof file>;

export const customisation = facts({
  output: text("The folder."),
  diffId: digest("Of `layer.tar` in it."),
  size: bytes("of `layer.tar`"),
}).meta({ examples: [{ output: "./layer", diffId: HASH, size: 10_240, warnings: [] }] });
export type CustomisationDocument = DocumentOf<typeof customisation>;

export const merged = facts({
  output,
  compression,
  size: fileSize,
  images: z
    .array(
      z.strictObject({
        tags: z.array(z.string()).describe("`name:tag`s."),
        configDigest: digest("Of its configuration, which is its ID in Docker."),
      }),
    )
    .describe("In the order in which they were given, each once."),
}).meta({
  examples: [
    {
      output: "both.tar",
      compression: "none",
      size: 552_960,
      images: [
        { tags: ["one:1"], configDigest: HASH },
        { tags: ["two:1"], configDigest: OTHER },
      ],
      warnings: [],
    },
  ],
});
export type MergedDocument = DocumentOf<typeof merged>;

export const index = facts({
  digest: digest("Of the index."),
  size: bytes("of the file; of a folder, of the index's blobs"),
  platforms: z.array(platform).describe("Those of its images."),
  output,
  format: z.enum(["oci-dir", "oci-archive"]).describe("What was written."),
}).meta({
  examples: [
    {
      digest: HASH,
      size: 170_462,
      platforms: [
        { os: "linux", architecture: "amd64" },
        { os: "linux", architecture: "arm", variant: "v7" },
      ],
      output: "./layout",
      format: "oci-dir",
      warnings: [],
    },
  ],
});
export type IndexDocument = DocumentOf<typeof index>;

const fate = z
  .enum(["sent", "there", "mounted", "unread", "foreign"])
  .describe(
    "`sent`; `there`: the repository had it; `mounted` from another repository; `unread`: an image that was there before has it; `foreign`: it lies elsewhere, and may not be passed on.",
  );
const pushedLayer = z.strictObject({
  ...layerFacts,
  digest: digest(
    "As the registry has it; with --dry-run, only where it is known without compressing.",
  ).optional(),
  size: bytes("as the registry has it; of the uncompressed tar where there is no digest"),
  fate,
  encoder: text(
    "What compressed it here: its name, its level, and a hash of what it makes of a fixed text.",
  ).optional(),
});

const previous = z
  .strictObject({
    image: text("Its name there, with a tag."),
    digest: text("What the name led to in a registry; in an engine, the image's ID."),
  })
  .nullable()
  .optional()
  .describe(
    "With `--previous` and no value: the image after which the layers were planned; null where there was none.",
  );

export const pushed = facts({
  reference: text("With the first tag and the digest: `HOST/REPOSITORY:TAG@sha256:…`."),
  digest: digest("Of the manifest; of the index, for several platforms."),
  tags: z.array(z.string()).describe("All that lead to it now."),
  size: bytes("of everything that the image is in the registry"),
  sent: bytes("of these that were sent"),
  layers: z.array(pushedLayer).describe("Bottom first, each once."),
  previous,
}).meta({
  examples: [
    {
      reference: `registry.example/hello:1@${OTHER}`,
      digest: OTHER,
      tags: ["1"],
      size: 86_004,
      sent: 86_004,
      layers: [
        {
          ...{ kind: "store", sources: [HELLO], diffId: HASH, digest: OTHER, size: 85_202, fate: "sent" },
          encoder: "gz 3 libdeflate level 6 91c9f1f3cbb1f5a7",
        },
      ],
      warnings: [],
    },
  ],
});
export type PushedDocument = DocumentOf<typeof pushed>;

export const pushPlan = facts({
  layers: z.array(pushedLayer).describe("Bottom first, each once."),
  toSend: bytes("of layers that would be sent, at the most"),
  previous,
}).meta({
  examples: [
    {
      layers: [{ kind: "store", sources: [HELLO], diffId: HASH, size: 276_480, fate: "sent" }],
      toSend: 276_480,
      warnings: [],
    },
  ],
});
export type PushPlanDocument = DocumentOf<typeof pushPlan>;

export const loaded = facts({
  references: z.array(z.string()).describe("`name:tag`s, as the engine lists them."),
  imageIds: z.array(z.string()).describe("As the engine calls the images."),
  sent: bytes("that were sent; 0 where the engine had the images"),
  layers: count("How many layers the images have."),
  layersSent: count("How many of them were sent."),
  previous,
}).meta({
  examples: [
    { references: ["hello:1"], imageIds: [HASH], sent: 279_552, layers: 1, layersSent: 1, warnings: [] },
  ],
});
export type LoadedDocument = DocumentOf<typeof loaded>;

export const pulled = facts({
  imageName: text("The reference without tag and digest, as it was given."),
  imageDigest: digest("Of the image's manifest: with it the same image is pulled anywhere."),
  indexDigest: digest("Of the index that the manifest was chosen from, where there is one.").optional(),
  archive: z
    .enum(["laminix", "skopeo"])
    .describe("Whose archive the file is: the hash is that of its bytes."),
  hash: text("SHA-256 of the file, as SRI."),
  finalImageName: text("The name in the archive."),
  finalImageTag: text("The tag in the archive."),
  os: text("Such as `linux`."),
  arch: text("By Go's name, such as `amd64`."),
  variant: text("Of the architecture, such as `v7`.").optional(),
}).meta({
  examples: [
    {
      imageName: "docker.io/library/debian",
      imageDigest: HASH,
      archive: "laminix",
      hash: "sha256-y+Qcb09eHztdC0wvbA4bGpp7iy8OTis/nmodLDtKX2A=",
      finalImageName: "docker.io/library/debian",
      finalImageTag: "12",
      os: "linux",
      arch: "amd64",
      warnings: [],
    },
  ],
});
export type PulledDocument = DocumentOf<typeof pulled>;

export const locked = facts({
  output,
  imageName: text("The reference without tag and digest, as it was given."),
  imageTag: text("The reference's tag, or `latest`; absent where it has only a digest.").optional(),
  manifests: z
    .array(
      z.strictObject({
        ...platform.shape,
        digest: digest("Of the manifest."),
        layers: count("How many layers the image has."),
        size: bytes("of its configuration and its layers, each once"),
      }),
    )
    .describe("One for each platform."),
}).meta({
  examples: [
    {
      output: "debian.lock.json",
      imageName: "docker.io/library/debian",
      imageTag: "12",
      manifests: [{ os: "linux", architecture: "amd64", digest: HASH, layers: 1, size: 48_490_310 }],
      warnings: [],
    },
  ],
});
export type LockDocument = DocumentOf<typeof locked>;

const layer = z.strictObject({
  digest: digest("As the layer lies in the image."),
  diffId: digest("Of the uncompressed tar.").nullable(),
  size: bytes("of the layer as it lies in the image"),
  mediaType: text("Of the layer."),
  urls: z.array(z.string()).optional().describe("Where a layer lies that may not be passed on."),
  encoder: text(
    "What compressed it, if that was done on this machine: its name, its level, and a hash of what it makes of a fixed text.",
  ).optional(),
  createdBy: text("The command that made it, where the image tells it.").optional(),
  storePaths: z
    .array(
      z.strictObject({
        path: text("The store path."),
        name: text("Of its package."),
        version: text("Of its package; empty if the name has none."),
        size: bytes("of its files; null where the layer was not read").nullable(),
      }),
    )
    .optional()
    .describe("Where the image tells of some."),
  files: z
    .array(
      z.strictObject({
        type: z
          .enum(["file", "directory", "symlink", "hardlink", "character", "block", "fifo"])
          .describe("Its type."),
        size: bytes("of it"),
        name: text("Its name in the tar."),
      }),
    )
    .optional()
    .describe("With --files."),
});

export const inspected = facts({
  images: z
    .array(
      z.strictObject({
        tags: z.array(z.string()).describe("`name:tag`s."),
        digest: digest("Of the manifest, where one leads to the image.").optional(),
        configDigest: digest("Of the configuration, which is the image's ID in Docker."),
        architecture: text("By Go's name; null where the image does not say it.").nullable(),
        os: text("Such as `linux`; null where the image does not say it.").nullable(),
        config: z
          .unknown()
          .describe(
            "The `config` of its configuration, as it is there (OCI image-spec, config.md); or null.",
          ),
        layers: z.array(layer).describe("Bottom first."),
      }),
    )
    .describe("In the order of the archive."),
}).meta({
  examples: [
    {
      images: [
        {
          tags: ["hello:1"],
          configDigest: OTHER,
          architecture: "amd64",
          os: "linux",
          config: { Cmd: ["/bin/hello"] },
          layers: [
            {
              digest: HASH,
              diffId: HASH,
              size: 276_480,
              mediaType: "application/vnd.oci.image.layer.v1.tar",
              storePaths: [{ path: HELLO, name: "hello", version: "2.12.1", size: 270_112 }],
            },
          ],
        },
      ],
      warnings: [],
    },
  ],
});

export const validated = facts({
  valid: z.boolean().describe("Whether there are no problems; the exit code is 1 where there are."),
  problems: z
    .array(
      z.strictObject({
        code: text("One of those in docs/validate.md."),
        path: text("The file, archive member or blob that has it."),
        message: text("What is wrong, in words."),
      }),
    )
    .describe("Each once."),
}).meta({
  examples: [
    {
      valid: false,
      problems: [
        { code: "BLOB_DIGEST", path: `blobs/sha256/${HASH.slice(7)}`, message: `its digest is ${OTHER}` },
      ],
      warnings: [],
    },
  ],
});
export type ValidatedDocument = DocumentOf<typeof validated>;
