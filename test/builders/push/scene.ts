/** A store with a few paths in it, and a registry, with a proxy before it, that their images are pushed to. */
import { mkdirSync, writeFileSync } from "node:fs";
import {
  type BuiltImage,
  type ImageSpec,
  openStore,
  pushImage,
  type PushImageOptions,
  type PushedImage,
  Registries,
  streamLayeredImage,
} from "../../../dist/index.js";
import { FaultyProxy } from "../../support/faultyProxy.js";
import { type ImageRegistry, type LoggedRequest, startImageRegistry } from "../../support/imageRegistry.js";
import { type NixStore, startNixStore } from "../../support/nixStore.js";
import { Random } from "../../support/random.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";

export const CONTENT_KEY = "dev.laminix.content-key";
export const LAYER_KIND = "dev.laminix.layer-kind";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

export interface PushScene extends AsyncDisposable {
  readonly registry: ImageRegistry;
  /** The registry by another name. */
  readonly proxy: FaultyProxy;
  readonly registries: Registries;
  readonly nix: NixStore;
  readonly store: Awaited<ReturnType<typeof openStore>>;
  readonly folder: TemporaryFolder;
  /** More than a megabyte that cannot be compressed, which goes as a stream. */
  readonly library: string;
  /** Refers to the library. */
  readonly program: string;
  /** Refers to nothing. */
  readonly leaf: string;
  /** A repository that nobody else uses. */
  repository(): string;
  /** Registries that are asked twice before they are given up. */
  impatient(): Registries;
  /** With no memory of earlier digests. */
  build(spec?: Partial<ImageSpec>): Promise<BuiltImage>;
  /** Builds, pushes and closes; with no memory of earlier digests. */
  push(reference: string, spec?: Partial<ImageSpec>, options?: PushImageOptions): Promise<PushedImage>;
}

export async function startPushScene(): Promise<PushScene> {
  const folder = await temporaryFolder("push");
  const registry = await startImageRegistry({ plain: true });
  const proxy = await FaultyProxy.start(registry.host);
  const registries = new Registries({ environment: { HOME: "/nowhere" } });
  const nix = await startNixStore();
  const library = await nix.addTree("library", (at) => {
    mkdirSync(at);
    writeFileSync(`${at}/noise`, new Random(5).bytes(1_200_000));
    writeFileSync(`${at}/text`, "some text ".repeat(20_000));
  });
  const program = await nix.addTree(
    "program",
    (at) => {
      mkdirSync(at);
      writeFileSync(`${at}/program`, library);
    },
    { references: [library] },
  );
  const leaf = await nix.addTree("leaf", (at) => {
    mkdirSync(at);
    writeFileSync(`${at}/leaf`, new Random(6).bytes(20_000));
  });
  const store = await openStore(nix.uri);
  let count = 0;
  const build: PushScene["build"] = (spec = {}) =>
    streamLayeredImage(
      { name: "image", tag: "1", contents: [program, leaf], ...spec },
      { store, cache: false, registries },
    );
  return {
    ...{ registry, proxy, registries, nix, store, folder, library, program, leaf, build },
    impatient: () => {
      const exceptions = { [registry.host]: { attempts: 2 }, [proxy.host]: { attempts: 2 } };
      return new Registries({ environment: { HOME: "/nowhere" }, exceptions });
    },
    repository: () => `it/image${count++}`,
    push: async (reference, spec, options) => {
      await using image = await build(spec);
      return await pushImage(image, reference, { registries, cache: false, ...options });
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await registries.close();
      await nix[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

export const fatesOf = ({ layers }: Pick<PushedImage, "layers">): string[] => layers.map(({ fate }) => fate);

/** Requests by which anything of a blob is sent or mounted. */
export const sendingBlobs = (requests: readonly LoggedRequest[]): LoggedRequest[] =>
  requests.filter(({ method, url }) => !["GET", "HEAD"].includes(method) && url.includes("/blobs/"));

export const changing = (requests: readonly LoggedRequest[]): LoggedRequest[] =>
  requests.filter(({ method }) => !["GET", "HEAD"].includes(method));

export interface RawManifest {
  readonly mediaType: string;
  readonly config: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly layers: readonly {
    readonly mediaType: string;
    readonly digest: string;
    readonly size: number;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** `HOST/REPOSITORY` and a tag or a digest. */
export async function manifestAt(
  host: string,
  repository: string,
  reference: string,
): Promise<{ readonly manifest: RawManifest; readonly digest: string; readonly bytes: Buffer }> {
  const types = ["oci.image.manifest.v1", "oci.image.index.v1", "docker.distribution.manifest.v2"];
  const accept = [...types, "docker.distribution.manifest.list.v2"].map(
    (type) => `application/vnd.${type}+json`,
  );
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, {
    headers: { accept: accept.join(", ") },
  });
  if (!answer.ok) throw new Error(`${String(answer.status)} ${await answer.text()}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  return {
    manifest: JSON.parse(bytes.toString()) as RawManifest,
    digest: answer.headers.get("docker-content-digest")!,
    bytes,
  };
}

export async function configAt(host: string, repository: string, reference: string): Promise<ConfigFile> {
  const { manifest } = await manifestAt(host, repository, reference);
  const answer = await fetch(`http://${host}/v2/${repository}/blobs/${manifest.config.digest}`);
  return (await answer.json()) as ConfigFile;
}

export interface ConfigFile {
  readonly config: { readonly Labels?: Readonly<Record<string, string>> };
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly { readonly comment?: string }[];
}
