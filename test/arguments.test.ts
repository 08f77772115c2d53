import * as laminix from "laminix";
import { afterAll, expect, test } from "vitest";

const { GraphStore, nixStore } = laminix;
const graph = GraphStore.parse("[]", "empty");
const closure = await graph.closure([]);
const info = { path: "/nix/store/x", narHash: `sha256-${"A".repeat(43)}=`, narSize: 1, references: [] };
/** Something of the wrong type, whatever the right one is. */
const wrong = 5n as never;

afterAll(() => nixStore.close());

// The argument that is wrong, and a call with it. None of them comes so far as to look for a daemon.
test.each<[string, string, () => unknown]>([
  ["GraphStore.read", "file", () => GraphStore.read(wrong)],
  ["GraphStore.parse", "text", () => GraphStore.parse(wrong, "name")],
  ["GraphStore.parse", "name", () => GraphStore.parse("[]", wrong)],
  ["GraphStore.closure", "paths", () => graph.closure(wrong)],
  ["GraphStore.closure", "paths[0]", () => graph.closure([wrong])],
  ["GraphStore.pathFromHashPart", "hash", () => graph.pathFromHashPart(wrong)],
  ["GraphStore.open", "path", () => graph.open(wrong)],
  ["toStorePath", "path", () => laminix.toStorePath(wrong)],
  ["toStorePath", "storeDir", () => laminix.toStorePath("/nix/store/x", wrong)],
  ["DigestCache", "path", () => new laminix.DigestCache(wrong)],
  ["planLayers", "spec", () => laminix.planLayers(wrong)],
  ["planLayers", "options", () => laminix.planLayers({ name: "x" }, wrong)],
  ["planLayers", "options.store", () => laminix.planLayers({ name: "x" }, { store: wrong })],
  ["streamLayeredImage", "spec", () => laminix.streamLayeredImage(wrong)],
  ["streamLayeredImage", "options", () => laminix.streamLayeredImage({ name: "x" }, wrong)],
  [
    "streamLayeredImage",
    "options.signal",
    () => laminix.streamLayeredImage({ name: "x" }, { signal: wrong }),
  ],
  ["streamLayeredImage", "options.jobs", () => laminix.streamLayeredImage({ name: "x" }, { jobs: 0 })],
  ["streamLayeredImage", "options.cache", () => laminix.streamLayeredImage({ name: "x" }, { cache: wrong })],
  [
    "streamLayeredImage",
    "options.onProgress",
    () => laminix.streamLayeredImage({ name: "x" }, { onProgress: wrong }),
  ],
  ["streamConf", "file", () => laminix.streamConf(wrong).next()],
  ["streamConf", "options", () => laminix.streamConf("/conf.json", wrong).next()],
  ["streamConf", "options.repoTag", () => laminix.streamConf("/conf.json", { repoTag: wrong }).next()],
  ["lockImage", "options.platforms", () => laminix.lockImage("x", { output: "y", platforms: wrong })],
  ["lockImage", "options.platforms[0]", () => laminix.lockImage("x", { output: "y", platforms: [wrong] })],
  [
    "lockImage",
    "options.platforms[0].os",
    () => laminix.lockImage("x", { output: "y", platforms: [{ architecture: "x" } as never] }),
  ],
  ["openStore", "url", () => laminix.openStore(wrong)],
  ["openBinaryCache", "url", () => laminix.openBinaryCache(wrong)],
  ["readNar", "stream", () => laminix.readNar(wrong)],
  ["narOf", "path", () => laminix.narOf(wrong)],
  ["verifyNar", "stream", () => laminix.verifyNar(wrong, wrong)],
  ["nixPath", "path", () => laminix.nixPath(wrong)],
  ["diffClosures", "before", () => laminix.diffClosures(wrong, closure)],
  ["Closure.get", "path", () => closure.get(wrong)],
  ["Closure.references", "path", () => closure.references(wrong)],
  ["Closure.whyDepends", "from", () => closure.whyDepends(wrong, wrong)],
  ["Closure.tree", "path", () => [...closure.tree(wrong)]],
  ["Closure.addedSize", "path", () => closure.addedSize(wrong)],
  ["NixStore.storeDir", "options.near", () => nixStore.storeDir({ near: wrong })],
  ["NixStore.realPath", "path", () => nixStore.realPath(wrong)],
  ["NixStore.open", "path", () => nixStore.open(wrong)],
  ["NixStore.validPaths", "options.substitute", () => nixStore.validPaths([], { substitute: wrong })],
  ["NixStore.tempRoots", "paths", () => nixStore.tempRoots(wrong)],
  ["NixStore.addFile", "contents", () => nixStore.addFile("x", wrong)],
  ["NixStore.addNar", "nar", () => nixStore.addNar("x", wrong)],
  ["NixStore.addPath", "path", () => nixStore.addPath(wrong)],
  ["NixStore.addText", "options.references", () => nixStore.addText("x", "y", { references: wrong })],
  ["NixStore.importNar", "info", () => nixStore.importNar(wrong, wrong)],
  [
    "NixStore.importNar",
    "info.narHash",
    () => nixStore.importNar({ ...info, narHash: "md5:x" } as never, wrong),
  ],
  ["NixStore.importNar", "info.narSize", () => nixStore.importNar({ ...info, narSize: -1 } as never, wrong)],
  ["NixStore.importNar", "nar", () => nixStore.importNar(info as never, wrong)],
  ["NixStore.build", "options.onProgress", () => nixStore.build("/x", { onProgress: wrong })],
  ["NixStore.build", "options.maxJobs", () => nixStore.build("/x", { maxJobs: -1 })],
  ["NixStore.build", "options.overrides", () => nixStore.build("/x", { overrides: wrong })],
  ["NixStore.build", "options.overrides.cores", () => nixStore.build("/x", { overrides: { cores: wrong } })],
  ["NixStore.verify", "options.repair", () => nixStore.verify({ repair: wrong })],
  ["NixStore.collectGarbage", "options.paths", () => nixStore.collectGarbage({ paths: wrong })],
  ["NixStore.roots", "options.onProgress", () => nixStore.roots({ onProgress: wrong })],
])("%s names a wrong %s", async (_, argument, call) => {
  const error = await Promise.resolve()
    .then(call)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  expect(error).toBeInstanceOf(TypeError);
  expect(error).toBeInstanceOf(laminix.LaminixError);
  expect(error).toMatchObject({ code: "ERR_ARGUMENT", details: { argument } });
});

// A public function, its own options that are there anyhow, and a call with options.
test.each<[string, object, (options: never) => unknown]>([
  ["planLayers", {}, (options) => laminix.planLayers({ name: "x" }, options)],
  ["compareLayers", {}, (options) => laminix.compareLayers({ name: "x" }, options)],
  ["explainLayer", {}, (options) => laminix.explainLayer({ name: "x" }, "/nix/store/x", options)],
  ["planTogether", {}, (options) => laminix.planTogether([], options)],
  ["streamLayeredImage", {}, (options) => laminix.streamLayeredImage({ name: "x" }, options)],
  ["buildLayeredImage", { output: "x" }, (options) => laminix.buildLayeredImage({ name: "x" }, options)],
  ["buildImage", { output: "x" }, (options) => laminix.buildImage({ name: "x" }, options)],
  ["streamNixShellImage", {}, (options) => laminix.streamNixShellImage("/x.drv", options)],
  ["buildNixShellImage", { output: "x" }, (options) => laminix.buildNixShellImage("/x.drv", options)],
  ["buildImageIndex", { output: "x" }, (options) => laminix.buildImageIndex([], options)],
  ["pushImage", {}, (options) => laminix.pushImage("x", "x", options)],
  ["planPush", {}, (options) => laminix.planPush("x", "x", options)],
  ["pushImageIndex", {}, (options) => laminix.pushImageIndex(["x"], "x", options)],
  ["loadImage", {}, (options) => laminix.loadImage("x", options)],
  ["pullImage", { output: "x" }, (options) => laminix.pullImage("x", options)],
  ["mergeImages", {}, (options) => laminix.mergeImages([], options)],
  ["validateImage", {}, (options) => laminix.validateImage("x", options)],
  ["streamConf", {}, (options) => laminix.streamConf("/conf.json", options).next()],
])("%s has no option onprogress, and names the nearest that there is", async (_, own, call) => {
  const failing = Promise.resolve().then(() => call({ ...own, onprogress: () => undefined } as never));
  await expect(failing).rejects.toMatchObject({
    code: "ERR_ARGUMENT",
    message: "options.onprogress is not an option",
    hint: "did you mean options.onProgress?",
    details: { argument: "options.onprogress" },
  });
});

test("an option of an option, of registries, or of an export that does not exist is refused", async () => {
  await expect(
    laminix.streamLayeredImage({ name: "x" }, { runAsRoot: { timelimit: 1 } as never }),
  ).rejects.toMatchObject({
    message: "options.runAsRoot.timelimit is not an option",
    hint: "did you mean options.runAsRoot.timeLimit?",
  });
  expect(() => new laminix.Registries({ exceptions: { x: { plainHTTP: true } as never } })).toThrow(
    "plainHTTP is not an option",
  );
  await expect(laminix.exportImage("x", { output: "y", Reference: "z" } as never)).rejects.toThrow(
    "options.Reference is not an option",
  );
});

const unknown = { nothingLikeIt: 1 } as never;
const emptyPlan: laminix.MountPlan = {
  ...{ storeDir: "/nix/store", mounts: [], links: [], places: [], roots: [], narSize: 0 },
};
const storeOf = (): laminix.NixStore => new laminix.NixStore("unix:///nowhere");
test.each<[string, () => unknown]>([
  ["NixStore", () => new laminix.NixStore("auto", unknown)],
  ["openStore", () => laminix.openStore("auto", unknown)],
  ["BinaryCacheStore", () => new laminix.BinaryCacheStore("file:///x", unknown)],
  ["build", () => storeOf().build("/nix/store/x", unknown)],
  ["validPaths", () => storeOf().validPaths([], unknown)],
  ["addText", () => storeOf().addText("x", "x", unknown)],
  ["addPath", () => storeOf().addPath("/x", unknown)],
  ["importNar", () => storeOf().importNar(info as never, (async function* () {})(), unknown)],
  ["collectGarbage", () => storeOf().collectGarbage(unknown)],
  ["verify", () => storeOf().verify(unknown)],
  ["evaluate", () => laminix.evaluate("1", unknown)],
  ["realise", () => laminix.realise("/nix/store/x", unknown)],
  ["openEvaluator", () => laminix.openEvaluator(unknown)],
  ["readNar", () => laminix.readNar((async function* () {})(), unknown)],
  ["verifyNar", () => laminix.verifyNar((async function* () {})(), info, unknown)],
  ["narOf", () => laminix.narOf("/x", unknown)],
  ["findStorePaths", () => laminix.findStorePaths("", unknown)],
  ["parseStorePath", () => laminix.parseStorePath("/nix/store/x", unknown)],
  ["lockImage", () => laminix.lockImage("x", unknown)],
  ["fakeNss", () => laminix.fakeNss(unknown)],
  ["shadowSetup", () => laminix.shadowSetup(unknown)],
  ["mountPlan", () => laminix.mountPlan([], unknown)],
  ["formatMounts", () => laminix.formatMounts(emptyPlan, "json", unknown)],
  ["assembleFarm", () => laminix.assembleFarm(emptyPlan, "/x", unknown)],
  ["sweepHeld", () => laminix.sweepHeld(unknown)],
  ["holdWhile", () => laminix.holdWhile(["/x"], unknown)],
  ["startContainer", () => laminix.startContainer("x", unknown)],
  ["startInEngine", () => laminix.startInEngine("x", unknown)],
])("%s refuses an unknown option, and lists its own", async (_, call) => {
  await expect(Promise.resolve().then(call)).rejects.toMatchObject({
    code: "ERR_ARGUMENT",
    message: "options.nothingLikeIt is not an option",
    hint: expect.stringMatching(/^the options? /) as string,
  });
});
