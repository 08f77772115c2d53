import { afterEach, describe, expect, it } from "vitest";
import { loadAddon, type NativeConnection, type NativeOptions } from "../../dist/store/native.js";
import {
  type Behaviour,
  FakeDaemon,
  type Greeting,
  Operation,
  type Peer,
  pathInfoAnswer,
  wire,
} from "../support/fakeDaemon.js";

const STORE_DIR = "/nix/store";
/** Store paths whose names sort like their numbers. */
const path = (number: number) => `${STORE_DIR}/${String(number).padStart(32, "0")}-path`;
const MINUTE = 60_000;

let daemon: FakeDaemon | undefined;
let connection: NativeConnection | undefined;

afterEach(async () => {
  connection?.close();
  const errors = daemon?.errors;
  await daemon?.close();
  daemon = connection = undefined;
  expect(errors ?? []).toEqual([]);
});

/** A connection to a daemon that behaves so. */
async function connect(
  behaviour: Behaviour,
  options: Partial<NativeOptions> = {},
): Promise<NativeConnection> {
  daemon = await FakeDaemon.listen(behaviour);
  connection = loadAddon().connect({ socket: daemon.socket }, { handshakeTimeout: MINUTE, ...options });
  return connection;
}

/** A connection to a daemon that greets well, and then behaves so. */
const greeted = (behaviour: Behaviour, options?: Partial<NativeOptions>) =>
  connect(async (peer) => {
    await peer.greet();
    await behaviour(peer);
  }, options);

const store = new Map([
  [path(1), { narSize: 10 }],
  [
    path(2),
    {
      references: [path(1), path(2)],
      deriver: path(9),
      narHash: "0123456789abcdef".repeat(4),
      narSize: 5_000_000_000,
      registrationTime: 1_700_000_000,
      ultimate: true,
      signatures: ["key:one", "key:two"],
      ca: "text:sha256:x",
    },
  ],
]);

/** Reads whatever comes until the client goes. */
async function untilGone(peer: Peer): Promise<void> {
  for (;;) await peer.bytes(1);
}

describe("the handshake", () => {
  const cases: { greeting: Greeting; version: string | null; trusted: boolean | null }[] = [
    { greeting: { minor: 32 }, version: null, trusted: null },
    { greeting: { minor: 33 }, version: "2.99.0", trusted: null },
    { greeting: { minor: 34 }, version: "2.99.0", trusted: null },
    { greeting: { minor: 35, trust: 0 }, version: "2.99.0", trusted: null },
    { greeting: { minor: 37, trust: 2 }, version: "2.99.0", trusted: false },
    { greeting: { minor: 38, trust: 1 }, version: "2.99.0", trusted: true },
  ];
  it.each(cases)("speaks protocol 1.$greeting.minor", async ({ greeting, version, trusted }) => {
    const native = await connect(async (peer) => {
      await peer.greet(greeting);
      expect(peer.options).toBeDefined();
      await peer.serve(store);
    });
    expect(await native.ready).toEqual({ minor: greeting.minor, version, trusted, features: [] });
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
    expect(await native.ask("isValidPath", { path: path(3) }).promise).toBe(false);
    const closure = await native.closure(STORE_DIR, [path(2)]).promise;
    expect(closure.count).toBe(2);
  });

  it("sends no options to a daemon that wants none", async () => {
    const native = await connect(async (peer) => {
      await peer.greet({ features: ["other", "disable-set-options"] });
      expect(peer.options).toBeUndefined();
      await peer.serve(store);
    });
    expect((await native.ready).features).toEqual(["disable-set-options"]);
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
  });

  it("asks for quiet, without overrides", async () => {
    let options: readonly number[] | undefined;
    const native = await connect(async (peer) => {
      await peer.greet();
      options = peer.options;
      await untilGone(peer);
    });
    await native.ready;
    expect(options).toEqual([0, 0, 0, 0, 1, 0, 1, 7, 0, 0, 0, 1]);
  });

  it("reads bytes that come one by one", async () => {
    const native = await connect(async (peer) => {
      await peer.number();
      await peer.number();
      await peer.dribble(Buffer.concat([wire.number(0x6478696f), wire.number(0x122)]));
      await peer.number();
      await peer.number();
      await peer.request();
      await peer.dribble(
        Buffer.concat([wire.string("2.8.0"), wire.logLine("hello\n"), wire.last(), wire.last()]),
      );
      await peer.request();
      await peer.dribble(pathInfoAnswer(store.get(path(2))));
      await peer.serve(store);
    });
    expect(await native.ready).toEqual({ minor: 34, version: "2.8.0", trusted: null, features: [] });
    expect(await native.ask("pathInfo", { path: path(2) }).promise).toMatchObject({ narSize: 5_000_000_000 });
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
  });

  it("takes calls that are made before it is over", async () => {
    const native = await greeted((peer) => peer.serve(store));
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
  });

  it("names the version of a daemon that is too old", async () => {
    const native = await connect(async (peer) => {
      peer.send(wire.number(0x6478696f), wire.number(0x115));
      await untilGone(peer);
    });
    await expect(native.ready).rejects.toMatchObject({
      code: "ERR_DAEMON_PROTOCOL",
      message: expect.stringContaining("1.21") as string,
    });
  });

  it("does not take something else for a daemon", async () => {
    const native = await connect(async (peer) => peer.send(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")));
    const call = native.ask("isValidPath", { path: path(1) });
    for (const outcome of await Promise.allSettled([native.ready, call.promise])) {
      expect(outcome).toMatchObject({ reason: { code: "ERR_DAEMON_PROTOCOL" } });
    }
  });

  it("gives up a daemon that does not greet in time", async () => {
    let closed = false;
    const native = await connect(untilGone, { handshakeTimeout: 20, onClose: () => (closed = true) });
    await expect(native.ready).rejects.toMatchObject({ code: "ERR_DAEMON_TIMEOUT" });
    await daemon?.idle();
    expect(closed).toBe(false);
  });

  it("says that a daemon without a word refuses the user", async () => {
    const native = await connect(async () => undefined);
    await expect(native.ready).rejects.toMatchObject({
      code: "ERR_DAEMON_DISCONNECTED",
      message: expect.stringContaining("allowed-users") as string,
    });
  });

  it("passes on the daemon's own error", async () => {
    const native = await connect(async (peer) => {
      await peer.number();
      await peer.number();
      peer.send(
        wire.number(0x6478696f),
        wire.number(0x122),
        wire.string("2.8"),
        wire.error("error: no store"),
      );
      await untilGone(peer);
    });
    await expect(native.ready).rejects.toMatchObject({ code: "ERR_DAEMON", message: "no store", level: 0 });
  });

  it.each([
    ["a socket that is not there", { socket: "/no/such/socket" }, "ENOENT"],
    ["a socket whose path is too long", { socket: `/${"x".repeat(200)}` }, "ENAMETOOLONG"],
    ["a program that is not there", { program: "no-such-program-here", args: [] }, "ENOENT"],
  ])("says that there is no daemon at %s", async (_, target, errno) => {
    connection = loadAddon().connect(target, { handshakeTimeout: MINUTE });
    const call = connection.ask("allValidPaths", {});
    for (const outcome of await Promise.allSettled([connection.ready, call.promise])) {
      expect(outcome).toMatchObject({ reason: { code: "ERR_NO_DAEMON", errno } });
    }
  });

  it("says what a program said when it ended", async () => {
    connection = loadAddon().connect(
      { program: process.execPath, args: ["-e", "console.error('no store here'); process.exitCode = 7"] },
      { handshakeTimeout: MINUTE },
    );
    await expect(connection.ready).rejects.toMatchObject({
      code: "ERR_DAEMON_DISCONNECTED",
      message: expect.stringMatching(/status 7: no store here$/) as string,
    });
  });
});

describe("an operation", () => {
  const operations: [string, (native: NativeConnection) => Promise<unknown>, unknown][] = [
    ["isValidPath", (native) => native.ask("isValidPath", { path: path(1) }).promise, true],
    [
      "isValidPath of a missing path",
      (native) => native.ask("isValidPath", { path: path(3) }).promise,
      false,
    ],
    [
      "pathInfo",
      (native) => native.ask("pathInfo", { path: path(1) }).promise,
      {
        deriver: null,
        narHash: "0".repeat(64),
        references: [],
        registrationTime: 1,
        narSize: 10,
        ultimate: false,
        signatures: [],
        ca: null,
      },
    ],
    [
      "pathInfo with everything",
      (native) => native.ask("pathInfo", { path: path(2) }).promise,
      store.get(path(2)),
    ],
    ["pathInfo of a missing path", (native) => native.ask("pathInfo", { path: path(3) }).promise, null],
    ["allValidPaths", (native) => native.ask("allValidPaths", {}).promise, [path(1), path(2)]],
    [
      "pathFromHashPart",
      (native) => native.ask("pathFromHashPart", { hashPart: path(1).slice(11, 43) }).promise,
      path(1),
    ],
    [
      "pathFromHashPart of a missing path",
      (native) => native.ask("pathFromHashPart", { hashPart: "x".repeat(32) }).promise,
      null,
    ],
    ["addTempRoot", (native) => native.ask("addTempRoot", { path: path(1) }).promise, undefined],
  ];
  it.each(operations)("%s is answered, and leaves nothing unread", async (_, ask, expected) => {
    const native = await greeted((peer) => peer.serve(store));
    expect(await ask(native)).toEqual(expected);
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
    expect(await ask(native)).toEqual(expected);
  });

  it("rejects with the daemon's error, and the connection goes on", async () => {
    const native = await greeted((peer) => peer.serve(store));
    await expect(native.ask("pathFromHashPart", { hashPart: "short" }).promise).rejects.toMatchObject({
      code: "ERR_DAEMON",
      message: "invalid hash part",
    });
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
    await expect(native.ask("pathFromHashPart", { hashPart: "short" }).promise).rejects.toMatchObject({
      code: "ERR_DAEMON",
    });
  });

  it("drops log lines that come before its answer", async () => {
    const native = await greeted(async (peer) => {
      await peer.request();
      peer.send(wire.logLine("warning: x\n"), wire.logLine("y"), wire.answer(wire.number(1)));
      await peer.serve(store);
    });
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
    expect(await native.ask("isValidPath", { path: path(3) }).promise).toBe(false);
  });

  it("refuses arguments of the wrong type", async () => {
    const native = await greeted((peer) => peer.serve(store));
    const untyped = native as unknown as Record<string, (...args: unknown[]) => unknown>;
    expect(() => untyped.isValidPath!(1)).toThrow(TypeError);
    expect(() => untyped.closure!(STORE_DIR, "x")).toThrow(TypeError);
    expect(() => untyped.isValidPath!.call({}, path(1))).toThrow(TypeError);
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
  });
});

describe("pipelining", () => {
  it("asks the second question before the first is answered", async () => {
    const native = await greeted(async (peer) => {
      const first = await peer.request();
      const second = await peer.request();
      expect([first.argument, second.argument]).toEqual([path(1), path(2)]);
      peer.send(wire.answer(wire.number(1)), wire.answer(wire.number(0)));
      await peer.serve(store);
    });
    await native.ready;
    const first = native.ask("isValidPath", { path: path(1) }).promise;
    // The daemon waits for the second one, which is made while the first is in flight.
    await new Promise((resolve) => setImmediate(resolve));
    const second = native.ask("isValidPath", { path: path(2) }).promise;
    expect(await Promise.all([first, second])).toEqual([true, false]);
  });

  it("answers many calls in order while the daemon does not read", async () => {
    const count = 20_000;
    const native = await greeted((peer) => peer.serve(store));
    const calls = Array.from(
      { length: count },
      (_, i) => native.ask("isValidPath", { path: path(1 + (i % 3)) }).promise,
    );
    const answers = await Promise.all(calls);
    expect(answers.every((answer, i) => answer === i % 3 < 2)).toBe(true);
  });

  it("does not take the copy of an error for the next answer", async () => {
    const native = await greeted(async (peer) => {
      await peer.request();
      peer.send(wire.error("path is not in the Nix store"), wire.error("path is not in the Nix store"));
    });
    const calls = [path(1), path(2), path(3)].map(
      (each) => native.ask("isValidPath", { path: each }).promise,
    );
    const [first, ...others] = await Promise.allSettled(calls);
    expect(first).toMatchObject({ reason: { code: "ERR_DAEMON", message: "path is not in the Nix store" } });
    for (const other of others) expect(other).toMatchObject({ reason: { code: "ERR_DAEMON_DISCONNECTED" } });
  });

  it("ends after the copy of an error when nothing else was asked", async () => {
    const native = await greeted(async (peer) => {
      await peer.request();
      peer.send(wire.error("no"), wire.error("no"));
    });
    await expect(native.ask("isValidPath", { path: path(1) }).promise).rejects.toMatchObject({
      code: "ERR_DAEMON",
    });
    await expect(native.ask("isValidPath", { path: path(1) }).promise).rejects.toMatchObject({
      code: "ERR_DAEMON_DISCONNECTED",
    });
  });
});

describe("a daemon that breaks", () => {
  const nonsense: [string, Buffer][] = [
    ["a message of unknown kind", wire.number(12345)],
    ["a question", Buffer.concat([wire.number(0x64617461), wire.number(10)])],
    ["an endless list", wire.answer(wire.number(0xffff_ffff_ffff_ffffn))],
    ["an endless string", wire.answer(wire.number(1), wire.number(1n << 40n))],
    ["padding that is not zero", wire.answer(wire.number(1), wire.number(3), Buffer.from("abc\0\0\0\0\x01"))],
    ["an endless log line", Buffer.concat([wire.number(0x6f6c6d67), wire.number(1n << 62n)])],
  ];
  it.each(nonsense)("with %s is a protocol error", async (_, bytes) => {
    const native = await greeted(async (peer) => {
      await peer.request();
      peer.send(bytes);
      await untilGone(peer);
    });
    await native.ready;
    const first = native.ask("allValidPaths", {}).promise;
    const second = native.ask("isValidPath", { path: path(1) }).promise;
    expect(await Promise.allSettled([first, second])).toMatchObject([
      { reason: { code: "ERR_DAEMON_PROTOCOL" } },
      { reason: { code: "ERR_DAEMON_DISCONNECTED" } },
    ]);
    await expect(native.ask("isValidPath", { path: path(1) }).promise).rejects.toMatchObject({
      code: "ERR_DAEMON_DISCONNECTED",
    });
  });

  it("in the middle of an answer disconnects", async () => {
    const native = await greeted(async (peer) => {
      await peer.request();
      peer.send(wire.answer(wire.number(2), wire.string(path(1))));
    });
    await expect(native.ask("allValidPaths", {}).promise).rejects.toMatchObject({
      code: "ERR_DAEMON_DISCONNECTED",
    });
  });

  it("while nothing is asked tells onClose, once", async () => {
    let closes = 0;
    const end = deferred();
    const lost = deferred();
    const native = await greeted(
      async () => {
        await end.promise;
      },
      {
        onClose: () => {
          closes++;
          lost.resolve();
        },
      },
    );
    // Keeps the event loop alive, which an idle connection does not.
    const timer = setInterval(() => undefined, 1000);
    await native.ready;
    end.resolve();
    await lost.promise;
    clearInterval(timer);
    native.close();
    expect(closes).toBe(1);
    await expect(native.ask("isValidPath", { path: path(1) }).promise).rejects.toMatchObject({
      code: "ERR_DAEMON_DISCONNECTED",
    });
  });

  it("by speaking unasked is not listened to", async () => {
    const lost = deferred();
    const native = await greeted(
      async (peer) => {
        await peer.request();
        peer.send(wire.answer(wire.number(1)), wire.answer(wire.number(1)));
        await untilGone(peer);
      },
      { onClose: lost.resolve },
    );
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
    await lost.promise;
  });

  it("tells onClose after whoever waits for the handshake has heard of it", async () => {
    const order: string[] = [];
    const lost = deferred();
    const native = await connect((peer) => peer.greet(), {
      onClose: () => {
        order.push("closed");
        lost.resolve();
      },
    });
    void native.ready.then(() => order.push("ready"));
    await lost.promise;
    expect(order).toEqual(["ready", "closed"]);
  });
});

describe("close", () => {
  it("rejects what is unanswered, and may be called again", async () => {
    let closed = false;
    const native = await greeted(untilGone, { onClose: () => (closed = true) });
    await native.ready;
    const calls = [
      native.ask("isValidPath", { path: path(1) }).promise,
      native.closure(STORE_DIR, [path(1)]).promise,
    ];
    native.close();
    native.close();
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ reason: { code: "ERR_DAEMON_DISCONNECTED" } });
    }
    await expect(native.ask("allValidPaths", {}).promise).rejects.toMatchObject({
      code: "ERR_DAEMON_DISCONNECTED",
    });
    await daemon?.idle();
    native.close();
    expect(closed).toBe(false);
  });

  it("in the handshake rejects it", async () => {
    const native = await connect(untilGone);
    native.close();
    await expect(native.ready).rejects.toMatchObject({ code: "ERR_DAEMON_DISCONNECTED" });
  });
});

describe("cancel", () => {
  it("rejects at once, and the answer is dropped", async () => {
    const asked = deferred();
    const answer = deferred();
    const native = await greeted(async (peer) => {
      await peer.request();
      asked.resolve();
      await answer.promise;
      peer.send(wire.answer(wire.number(1)));
      await peer.serve(store);
    });
    const call = native.ask("isValidPath", { path: path(1) });
    await asked.promise;
    call.cancel();
    await expect(call.promise).rejects.toMatchObject({ code: "ERR_CANCELLED" });
    call.cancel();
    answer.resolve();
    expect(await native.ask("isValidPath", { path: path(3) }).promise).toBe(false);
  });

  it("after the answer changes nothing", async () => {
    const native = await greeted((peer) => peer.serve(store));
    const call = native.ask("isValidPath", { path: path(1) });
    expect(await call.promise).toBe(true);
    call.cancel();
    expect(await call.promise).toBe(true);
  });

  it("stops a closure from asking further", async () => {
    const asked: string[] = [];
    const cancelled = deferred();
    const isAsked = deferred();
    const native = await greeted(async (peer) => {
      const { argument } = await peer.request();
      isAsked.resolve();
      await cancelled.promise;
      asked.push(argument);
      peer.send(pathInfoAnswer({ references: [path(1), path(3)] }));
      await peer.serve(store, (request) => asked.push(`${request.operation} ${request.argument}`));
    });
    const call = native.closure(STORE_DIR, [path(2)]);
    await isAsked.promise;
    call.cancel();
    await expect(call.promise).rejects.toMatchObject({ code: "ERR_CANCELLED" });
    cancelled.resolve();
    expect(await native.ask("isValidPath", { path: path(1) }).promise).toBe(true);
    expect(asked).toEqual([path(2), `${Operation.isValidPath} ${path(1)}`]);
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
