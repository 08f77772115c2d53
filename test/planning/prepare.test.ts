import { expect, test } from "vitest";
import { type ImageSpec, type StoreSource, streamLayeredImage } from "../../dist/index.js";
import { application, id } from "../builders/graphStore.js";

/** The application's store, its temporary roots told of when they are taken and given up. */
function holdingStore(): { readonly store: StoreSource; readonly events: string[] } {
  const events: string[] = [];
  const store: StoreSource = {
    url: "holding",
    vouchesForHashes: false,
    storeDir: () => application.storeDir(),
    closure: (paths) => application.closure(paths),
    pathFromHashPart: (hash) => application.pathFromHashPart(hash),
    open: (path) => ({ disk: path }),
    tempRoots: () => {
      events.push("held");
      return Promise.resolve({
        check: () => Promise.resolve(),
        close: () => {
          events.push("given up");
          return Promise.resolve();
        },
      });
    },
  };
  return { store, events };
}

const spec: ImageSpec = { name: "image", config: { Cmd: [`${id("app")}/bin/app`] } };

test("holds the store paths of an image until it is closed, once", async () => {
  const { store, events } = holdingStore();
  const image = await streamLayeredImage(spec, { store });
  expect(events).toEqual(["held"]);
  await image.close();
  await image.close();
  expect(events).toEqual(["held", "given up"]);
});

test("gives up the store paths where a command of the spec fails", async () => {
  const { store, events } = holdingStore();
  await expect(streamLayeredImage({ ...spec, extraCommands: "exit 3" }, { store })).rejects.toMatchObject({
    code: "ERR_SCRIPT",
  });
  expect(events).toEqual(["held", "given up"]);
});

test("gives up the store paths where layers cannot be planned any more", async () => {
  const { store, events } = holdingStore();
  const volatility = [{ match: "*", volatility: 0 }];
  await expect(
    streamLayeredImage({ ...spec, strategy: "balanced", volatility }, { store }),
  ).rejects.toMatchObject({ code: "ERR_SPEC" });
  expect(events).toEqual(["held", "given up"]);
});
