/** Base images of fixed bytes. What compresses their layers is written down: encoders differ from one release to the next. */
import { writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { archiveItems, configOf, Layout, named, OCI, onPlatform, tarOf } from "../../support/images.js";
import { mustRun } from "../../support/run.js";

/** `opt/gzipped` in a folder, and a layer that removes it and adds `opt/zstd`. */
const GZIPPED = Buffer.from(
  "H4sIAAAAAAACA8svKNFnoDEwAAJzU1MwDQToNBrbEMg2MzU1YFAwZaADKC0uSSwCWskwMkE+MP7TqzILClJTaBr/ZiYmeOLfBDX+DQ0MjcwZFAxG45/28Z+XysUwCkbBKBgFo2DEAQAtWYdSAAoAAA==",
  "base64",
);
const ZSTD = Buffer.from(
  "KLUv/QRo3QIAwkMNEqDtDFkNi1+jKtzPAWkIgvBIAWWLrqLkHJtKLClGu3bQZF/17zSM1/AlbJb1zEWPGs7RrgUOIIAt1g79KzCmasssHUBa8dU3PyWBNCKQN/cQHjAogOGk5FeunIQ=",
  "base64",
);

const mtime = new Date(1000);

export interface BaseImages {
  /** Two layers: a root whose /bin is a link, and whiteouts. */
  readonly archive: string;
  /** The same, compressed as a whole. */
  readonly gzipped: string;
  /** For amd64 and arm64, with layers of every compression. */
  readonly layout: string;
}

export async function writeBaseImages(inFolder: (name: string) => string): Promise<BaseImages> {
  const root = await tarOf([
    { name: "usr/bin/", type: "directory", mode: 0o755, mtime },
    { name: "bin", type: "symlink", linkname: "usr/bin", mtime },
    { name: "tmp/", type: "directory", mode: 0o1777, mtime },
    { name: "etc/passwd", body: "root:x:0:0::/:/bin/sh\n", mtime },
    { name: "etc/old", body: "old\n", uid: 5, gid: 6, mtime },
    { name: "etc/same", type: "link", linkname: "etc/old", mtime },
    { name: "var/cache/file", body: "cached\n", mtime },
  ]);
  const changes = await tarOf([
    { name: "etc/.wh.old", mtime },
    { name: "var/cache/.wh..wh..opq", mtime },
    { name: "var/cache/new", body: "new\n", mtime },
  ]);
  const config = {
    Env: ["PATH=/usr/bin", "BASE=1"],
    Cmd: ["/bin/sh"],
    Labels: { base: "yes" },
    ExposedPorts: { "80/tcp": {} },
    Volumes: { "/data": {} },
    WorkingDir: "/srv",
  };
  const history = [
    { created: "2020-01-02T03:04:05Z", created_by: "root" },
    { created: "2020-01-02T03:04:06Z", created_by: "ENV BASE=1", empty_layer: true },
    { created: "2020-01-02T03:04:07Z", created_by: "changes" },
  ];
  const items = archiveItems([{ layers: [root, changes], tags: ["base:1"], config, history }]);
  const bytes = await tarOf(items.map((item) => ({ mtime, ...item })));
  const [archive, gzipped] = [inFolder("base.tar"), inFolder("base.tar.gz")];
  writeFileSync(archive, bytes);
  writeFileSync(gzipped, gzipSync(bytes));

  const layout = new Layout(inFolder("base-layout"));
  const plain = [
    root,
    gunzipSync(GZIPPED),
    (await mustRun("zstd", ["-qdc"], { input: ZSTD })).stdout,
  ] as const;
  const image = (architecture: string) =>
    layout.blob(
      OCI.manifest,
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI.manifest,
        config: layout.blob(OCI.config, configOf({ layers: plain, architecture, config })),
        layers: [
          layout.blob(OCI.layer, root),
          layout.blob(`${OCI.layer}+gzip`, GZIPPED),
          layout.blob(`${OCI.layer}+zstd`, ZSTD),
        ],
        annotations: { of: architecture },
      }),
    );
  const platforms = ["amd64", "arm64"].map((each) => onPlatform(image(each), each));
  layout.index([named(layout.nested(platforms), "2")]);
  return { archive, gzipped, layout: layout.folder };
}
