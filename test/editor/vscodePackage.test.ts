/** The extension as it is packed. */
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mustRun, projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { memberOf, packExtension } from "../support/vsix.js";

let folder: TemporaryFolder;
let vsix: string;
let manifest: Manifest;

interface Manifest {
  readonly version: string;
  readonly main: string;
  readonly icon: string;
  readonly engines: { vscode: string };
  readonly capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  readonly contributes: {
    readonly commands: { command: string; title: string }[];
    readonly configuration: { properties: Record<string, { markdownDescription: string; default: unknown }> };
    readonly viewsContainers: { activitybar: { id: string; icon: string }[] };
    readonly views: Record<string, { id: string; icon: string }[]>;
    readonly viewsWelcome: { view: string; contents: string }[];
    readonly menus: Record<string, { command: string; when: string }[]>;
    readonly jsonValidation: { fileMatch: string; url: string }[];
  };
}

const member = (name: string): Promise<Buffer> => memberOf(vsix, name);

const ofProject = (name: string): Buffer => readFileSync(path.join(projectRoot, name));

beforeAll(async () => {
  folder = await temporaryFolder("vsix");
  vsix = await packExtension(folder.join("laminix.vsix"));
  manifest = JSON.parse((await member("extension/package.json")).toString()) as Manifest;
});

afterAll(() => folder[Symbol.asyncDispose]());

test("it has the same bytes each time, and Python finds nothing wrong with it", async () => {
  const again = await packExtension(folder.join("again.vsix"));
  expect(readFileSync(again).equals(readFileSync(vsix))).toBe(true);
  const list = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    print(json.dumps([[i.filename, list(i.date_time), oct(i.external_attr >> 16)] for i in archive.infolist()]))`;
  const { stdout } = await mustRun("python3", ["-c", list, vsix]);
  const members = JSON.parse(stdout.toString()) as [string, number[], string][];
  expect(members.map(([name]) => name)).toEqual([
    "[Content_Types].xml",
    "extension.vsixmanifest",
    ...[
      "LICENSE.txt",
      "ThirdPartyNotices.txt",
      "changelog.md",
      "extension.js",
      "icon.png",
      "package.json",
    ].map((name) => `extension/${name}`),
    ...["readme.md", "spec.schema.json", "view.svg"].map((name) => `extension/${name}`),
  ]);
  for (const [, time, mode] of members) expect([time, mode]).toEqual([[1980, 1, 1, 0, 0, 0], "0o100644"]);
});

test("both descriptions of it agree, and each file has a type", async () => {
  const read = `
import json, sys, zipfile, xml.etree.ElementTree as tree
archive = zipfile.ZipFile(sys.argv[1])
vsx = "{http://schemas.microsoft.com/developer/vsx-schema/2011}"
root = tree.fromstring(archive.read("extension.vsixmanifest"))
types = tree.fromstring(archive.read("[Content_Types].xml"))
print(json.dumps({
    "identity": dict(root.find(f"{vsx}Metadata/{vsx}Identity").attrib),
    "engine": next(p.get("Value") for p in root.iter(f"{vsx}Property") if p.get("Id").endswith("Engine")),
    "assets": [a.get("Path") for a in root.iter(f"{vsx}Asset")],
    "names": archive.namelist(),
    "types": [t.get("Extension") for t in types],
}))`;
  const { stdout } = await mustRun("python3", ["-c", read, vsix]);
  const found = JSON.parse(stdout.toString()) as { assets: string[]; names: string[]; types: string[] };
  const { version } = JSON.parse(ofProject("package.json").toString()) as { version: string };
  expect(found).toMatchObject({
    identity: { Id: "laminix", Publisher: "laminix", Version: version, Language: "en-US" },
    engine: manifest.engines.vscode,
  });
  expect(manifest.version).toBe(version);
  for (const asset of found.assets) expect((await member(asset)).length).toBeGreaterThan(0);
  const endings = found.names.slice(1).map((name) => path.extname(name));
  expect(found.types).toEqual(
    expect.arrayContaining([...new Set(endings)].filter((each) => each !== ".xml")),
  );
});

test("the manifest names only what there is", async () => {
  const { contributes } = manifest;
  const { commands, views, viewsContainers, viewsWelcome, menus, jsonValidation } = contributes;
  const files = [
    manifest.main,
    manifest.icon,
    ...viewsContainers.activitybar.map(({ icon }) => icon),
    ...Object.values(views).flatMap((each) => each.map(({ icon }) => icon)),
    ...jsonValidation.map(({ url }) => url),
  ];
  for (const file of new Set(files.map((each) => path.normalize(each)))) {
    expect((await member(`extension/${file}`)).length, file).toBeGreaterThan(0);
  }
  expect(viewsContainers.activitybar.map(({ id }) => id)).toEqual(Object.keys(views));
  const declared = commands.map(({ command }) => command);
  const viewIds = Object.values(views).flatMap((each) => each.map(({ id }) => id));
  const named = Object.values(menus).flat();
  for (const { command } of named) expect(declared).toContain(command);
  for (const { view, contents } of viewsWelcome) {
    expect(viewIds).toContain(view);
    for (const [, command] of contents.matchAll(/command:([\w.]+)/g)) expect(declared).toContain(command);
  }
  for (const { when } of named)
    for (const [, view] of when.matchAll(/view == ([\w.]+)/g)) expect(viewIds).toContain(view);
  const schema = await member("extension/spec.schema.json");
  expect(schema.equals(ofProject("dist/spec.schema.json"))).toBe(true);
});

test("types are checked against the oldest VS Code that it is for", () => {
  const { version } = JSON.parse(ofProject("node_modules/@types/vscode/package.json").toString()) as {
    version: string;
  };
  expect(manifest.engines.vscode).toBe(`^${version}`);
});

test("each setting and each command of the palette is on the page about editors", () => {
  const page = ofProject("docs/editors.md").toString();
  const settings = Object.keys(manifest.contributes.configuration.properties);
  for (const key of settings) {
    const short = key.replace("laminix.", "");
    expect(page.includes(`\`${key}\``) || page.includes(`\`${short}\``), key).toBe(true);
  }
  for (const key of manifest.capabilities.untrustedWorkspaces.restrictedConfigurations)
    expect(settings).toContain(key);
  const hidden = manifest.contributes.menus.commandPalette!.map(({ command }) => command);
  for (const { command, title } of manifest.contributes.commands)
    if (!hidden.includes(command)) expect(page).toContain(`**${title}**`);
});

test("the bundle brings the licenses of what is in it, and no module besides Node's and VS Code's is loaded", async () => {
  const notices = (await member("extension/ThirdPartyNotices.txt")).toString();
  for (const name of ["vscode-languageclient", "vscode-jsonrpc", "minimatch", "semver"])
    expect(notices).toMatch(new RegExp(`^${name} [0-9.]+$`, "m"));
  const code = (await member("extension/extension.js")).toString();
  const loaded = new Set(Array.from(code.matchAll(/\brequire\("([^"]+)"\)/g), ([, name]) => name!));
  const foreign = [...loaded].filter((name) => !isBuiltin(name));
  expect(foreign).toEqual(["vscode"]);
});
