import type { BuiltImage } from "../../dist/index.js";
import { bytesOf, type Member, membersOf } from "../support/members.js";

/** A docker-archive taken apart. */
export interface ReadImage {
  readonly archive: Buffer;
  readonly members: readonly Member[];
  /** The first of `manifest.json`. */
  readonly manifest: { readonly Config: string; readonly RepoTags: string[]; readonly Layers: string[] };
  readonly configText: string;
  readonly config: {
    readonly created: string;
    readonly architecture: string;
    readonly variant?: string;
    readonly os: string;
    readonly config: Readonly<Record<string, unknown>>;
    readonly rootfs: { readonly diff_ids: string[]; readonly type: string };
    readonly history: readonly { readonly created: string; readonly comment: string }[];
  };
  /** The members of each layer, bottom first. */
  readonly layers: readonly (readonly Member[])[];
}

export async function readImage(image: Pick<BuiltImage, "pieces"> | Buffer): Promise<ReadImage> {
  const archive = Buffer.isBuffer(image) ? image : await bytesOf(image.pieces());
  const members = await membersOf(archive);
  const find = (name: string): Buffer => members.find(({ header }) => header.name === name)!.body;
  const [manifest] = JSON.parse(find("manifest.json").toString()) as [ReadImage["manifest"]];
  const configText = find(manifest.Config).toString();
  const layers = await Promise.all(manifest.Layers.map((name) => membersOf(find(name))));
  return {
    archive,
    members,
    manifest,
    configText,
    config: JSON.parse(configText) as ReadImage["config"],
    layers,
  };
}

export const namesOf = (layer: readonly Member[]): string[] => layer.map(({ header }) => header.name);
