// Packs the extension for VS Code: `.cache/laminix-VERSION.vsix`, or the file that is named.
//
// A .vsix is a zip with the extension's folder and two descriptions of it (Open Packaging Conventions, and what the
// marketplace calls a VSIX manifest).

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { zipOf } from "./zip.js";

const root = path.resolve(import.meta.dirname, "..");
const extension = path.join(root, "editors/vscode");
const read = (...place) => readFileSync(path.join(...place));

const { version, license } = JSON.parse(read(root, "package.json"));
/** As it is installed: what is the package's own stays in one place. */
const manifest = { ...JSON.parse(read(extension, "manifest.json")), version, license };

const { code, notices } = await bundle();
const output = process.argv[2] ?? path.join(root, `.cache/laminix-${version}.vsix`);
mkdirSync(path.dirname(output), { recursive: true });
writeFileSync(
  output,
  zipOf({
    "[Content_Types].xml": contentTypes(),
    "extension.vsixmanifest": vsixManifest(),
    "extension/package.json": `${JSON.stringify(manifest, undefined, 2)}\n`,
    "extension/extension.js": code,
    "extension/ThirdPartyNotices.txt": notices,
    "extension/spec.schema.json": read(root, "dist/spec.schema.json"),
    "extension/readme.md": read(extension, "README.md"),
    "extension/changelog.md": read(root, "CHANGELOG.md"),
    "extension/LICENSE.txt": read(root, "LICENSE"),
    ...Object.fromEntries(
      ["icon.png", "view.svg"].map((name) => [`extension/${name}`, read(extension, name)]),
    ),
  }),
);
console.log(output);

async function bundle() {
  const { outputFiles, metafile } = await build({
    entryPoints: [path.join(extension, "src/extension.ts")],
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    keepNames: true,
    platform: "node",
    // VS Code 1.91 brings Node 20.
    target: "node20",
    format: "cjs",
    external: ["vscode"],
    legalComments: "eof",
    logLevel: "warning",
  });
  return { code: outputFiles[0].contents, notices: noticesOf(Object.keys(metafile.inputs)) };
}

/** The licenses of the packages that are in the bundle. */
function noticesOf(inputs) {
  const folders = inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []);
  const notices = [...new Set(folders)].sort().map((folder) => {
    const { name, version: ofPackage } = JSON.parse(read(root, folder, "package.json"));
    const file = readdirSync(path.join(root, folder)).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`${folder} has no license file`);
    return `${name} ${ofPackage}\n\n${read(root, folder, file).toString().trim()}\n`;
  });
  return notices.join(`\n${"-".repeat(78)}\n\n`);
}

function contentTypes() {
  const types = {
    ".json": "application/json",
    ".js": "application/javascript",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".vsixmanifest": "text/xml",
  };
  const defaults = Object.entries(types).map(
    ([ending, type]) => `<Default Extension="${ending}" ContentType="${type}"/>`,
  );
  return `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">${defaults.join("")}</Types>
`;
}

function vsixManifest() {
  const { name, publisher, displayName, description, keywords, categories, engines, extensionKind, icon } =
    manifest;
  const property = (id, value) => `      <Property Id="Microsoft.VisualStudio.${id}" Value="${xml(value)}"/>`;
  const asset = (type, file) =>
    `    <Asset Type="Microsoft.VisualStudio.${type}" Path="extension/${file}" Addressable="true"/>`;
  return `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="${xml(name)}" Version="${xml(version)}" Publisher="${xml(publisher)}"/>
    <DisplayName>${xml(displayName)}</DisplayName>
    <Description xml:space="preserve">${xml(description)}</Description>
    <Tags>${xml(keywords.join(","))}</Tags>
    <Categories>${xml(categories.join(","))}</Categories>
    <GalleryFlags>Public</GalleryFlags>
    <License>extension/LICENSE.txt</License>
    <Icon>extension/${xml(icon)}</Icon>
    <Properties>
${property("Code.Engine", engines.vscode)}
${property("Code.ExtensionKind", extensionKind.join(","))}
${property("Services.GitHubFlavoredMarkdown", "true")}
    </Properties>
  </Metadata>
  <Installation>
    <InstallationTarget Id="Microsoft.VisualStudio.Code"/>
  </Installation>
  <Dependencies/>
  <Assets>
${asset("Code.Manifest", "package.json")}
${asset("Services.Content.Details", "readme.md")}
${asset("Services.Content.Changelog", "changelog.md")}
${asset("Services.Content.License", "LICENSE.txt")}
${asset("Services.Icons.Default", icon)}
  </Assets>
</PackageManifest>
`;
}

function xml(text) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character]);
}
