import { afterEach, describe, expect, it } from "vitest";
import { loadAddon, type NativeClosure, type NativeConnection } from "../../dist/store/native.js";
import { FakeDaemon, type FakePath, type FakeStore, Operation, type Request } from "../support/fakeDaemon.js";

const STORE_DIR = "/nix/store";
const name = (number: number) => `${String(number).padStart(32, "0")}-path`;
const path = (number: number) => `${STORE_DIR}/${name(number)}`;

let daemon: FakeDaemon | undefined;
let connection: NativeConnection | undefined;

afterEach(async () => {
  connection?.close();
  await daemon?.close();
  daemon = connection = undefined;
});

async function connect(store: FakeStore, onRequest?: (request: Request) => void): Promise<NativeConnection> {
  daemon = await FakeDaemon.listen(async (peer) => {
    await peer.greet();
    await peer.serve(store, onRequest);
  });
  return (connection = loadAddon().connect({ socket: daemon.socket }, { handshakeTimeout: 60_000 }));
}

/** A store whose paths reference each other so; node 0 is node 0's path, and so on. */
function storeOf(graph: Record<number, readonly number[]>): Map<string, FakePath> {
  return new Map(
    Object.entries(graph).map(([from, to]) => [path(Number(from)), { references: to.map(path) }]),
  );
}

const strings = (bytes: Uint8Array, offsets: Uint32Array) =>
  Array.from(offsets.subarray(1), (end, i) => Buffer.from(bytes.subarray(offsets[i], end)).toString());
const rowsOf = (closure: NativeClosure) =>
  strings(closure.names, closure.nameOffsets).map((each) => Number(each.slice(0, 32)));
const referencesOf = (closure: NativeClosure) =>
  Array.from(closure.referenceOffsets.subarray(1), (end, i) => [
    ...closure.references.subarray(closure.referenceOffsets[i], end),
  ]);

describe("a closure", () => {
  it("has dependencies first, and every column in the rows' order", async () => {
    const native = await connect(
      new Map<string, FakePath>([
        [
          path(1),
          { references: [path(1), path(3), path(2)], narSize: 11, narHash: "1f".repeat(32), ca: "ca" },
        ],
        [path(2), { references: [path(3)], narSize: 2 ** 40, signatures: ["k:a", "k:bc"], ultimate: true }],
        [path(3), { narSize: 33, registrationTime: 1_700_000_000, deriver: path(9), signatures: ["k:d"] }],
      ]),
    );
    const closure = await native.closure(STORE_DIR, [path(1)]).promise;
    expect(closure.count).toBe(3);
    expect(strings(closure.names, closure.nameOffsets)).toEqual([name(3), name(2), name(1)]);
    expect(referencesOf(closure)).toEqual([[], [0], [0, 1, 2]]);
    expect([...closure.narSizes]).toEqual([33, 2 ** 40, 11]);
    expect([...closure.registrationTimes]).toEqual([1_700_000_000, 1, 1]);
    expect([...closure.ultimate]).toEqual([0, 1, 0]);
    expect(Buffer.from(closure.narHashes).toString("hex")).toBe("00".repeat(64) + "1f".repeat(32));
    expect(strings(closure.derivers, closure.deriverOffsets)).toEqual([path(9), "", ""]);
    expect(strings(closure.cas, closure.caOffsets)).toEqual(["", "", "ca"]);
    expect(strings(closure.signatures, closure.signatureOffsets)).toEqual(["k:d", "k:a", "k:bc"]);
    expect([...closure.signatureRows]).toEqual([0, 1, 3, 3]);
  });

  it("has the same order whatever the order of roots and references", async () => {
    const graph = { 0: [5, 3], 1: [3, 6], 2: [0, 1], 3: [4], 4: [], 5: [4, 6], 6: [] };
    const turned = Object.fromEntries(Object.entries(graph).map(([from, to]) => [from, [...to].reverse()]));
    const one = await (await connect(storeOf(graph))).closure(STORE_DIR, [path(2), path(0)]).promise;
    connection?.close();
    await daemon?.close();
    const other = await (await connect(storeOf(turned))).closure(STORE_DIR, [path(0), path(2), path(0)])
      .promise;
    expect(rowsOf(other)).toEqual(rowsOf(one));
    expect(other).toEqual(one);
  });

  it("asks for each path once", async () => {
    const asked: string[] = [];
    const native = await connect(storeOf({ 0: [1, 2], 1: [3], 2: [3, 1], 3: [3] }), (request) => {
      if (request.operation === Operation.queryPathInfo) asked.push(request.argument);
    });
    await native.closure(STORE_DIR, [path(0), path(0), path(1)]).promise;
    expect(asked.sort()).toEqual([path(0), path(1), path(2), path(3)]);
  });

  it("is found while other calls are answered", async () => {
    const graph = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i, i < 299 ? [i + 1] : []]));
    const native = await connect(storeOf(graph));
    const closures = [native.closure(STORE_DIR, [path(0)]), native.closure(STORE_DIR, [path(100)])];
    const valid = Array.from(
      { length: 100 },
      (_, i) => native.ask("isValidPath", { path: path(250 + i) }).promise,
    );
    expect((await Promise.all(valid)).filter(Boolean)).toHaveLength(50);
    expect((await Promise.all(closures.map((call) => call.promise))).map((closure) => closure.count)).toEqual(
      [300, 200],
    );
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
  });

  it("of no roots is empty", async () => {
    const native = await connect(new Map());
    const closure = await native.closure(STORE_DIR, []).promise;
    expect(closure).toMatchObject({ count: 0 });
    expect([...closure.nameOffsets, ...closure.referenceOffsets, ...closure.signatureRows]).toEqual([
      0, 0, 0,
    ]);
  });

  it("names the path that is not valid, and the connection goes on", async () => {
    const native = await connect(storeOf({ 0: [1, 2], 1: [], 2: [4, 5], 5: [] }));
    await expect(native.closure(STORE_DIR, [path(0)]).promise).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
      path: path(4),
    });
    await expect(native.closure(STORE_DIR, [path(7)]).promise).rejects.toMatchObject({ path: path(7) });
    expect((await native.closure(STORE_DIR, [path(1)]).promise).count).toBe(1);
  });

  it("names a root that is not in the store", async () => {
    const native = await connect(new Map());
    for (const root of ["/other/store/x", `${STORE_DIR}/x`, "", `/other/${name(1)}`]) {
      await expect(native.closure(STORE_DIR, [root]).promise).rejects.toMatchObject({
        code: "ERR_PATH_NOT_VALID",
        path: root,
      });
    }
  });

  it.each([
    ["outside the store", `/other/${name(1)}`],
    ["inside a store path", `${path(1)}/bin`],
    ["without a name", `${STORE_DIR}/${"0".repeat(32)}`],
    ["that is empty", ""],
  ])("with a reference %s is a protocol error", async (_, reference) => {
    const native = await connect(new Map([[path(0), { references: [reference] }]]));
    await expect(native.closure(STORE_DIR, [path(0)]).promise).rejects.toMatchObject({
      code: "ERR_DAEMON_PROTOCOL",
    });
  });

  it("with a cycle is a protocol error", async () => {
    const native = await connect(storeOf({ 0: [1], 1: [2], 2: [0] }));
    await expect(native.closure(STORE_DIR, [path(0)]).promise).rejects.toMatchObject({
      code: "ERR_DAEMON_PROTOCOL",
    });
  });

  it("with a size beyond exact numbers is a protocol error", async () => {
    const native = await connect(new Map([[path(0), { narSize: 2n ** 53n }]]));
    await expect(native.closure(STORE_DIR, [path(0)]).promise).rejects.toMatchObject({
      code: "ERR_DAEMON_PROTOCOL",
    });
  });
});
