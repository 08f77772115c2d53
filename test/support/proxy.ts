import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export interface ProxyOptions {
  /**
   * Milliseconds for which a side must have said nothing before what it said is passed on, all at once. A side that
   * stops in the middle for longer than this counts as two.
   */
  readonly quiet?: number;
  /** Bytes from the daemon after which each connection is cut. */
  readonly cutAfter?: number;
}

export interface Proxy extends AsyncDisposable {
  readonly socket: string;
  readonly uri: string;
  /** How often the client's turn to speak has ended and the daemon's has begun, over all connections. */
  readonly roundTrips: number;
  /** Connections made so far. */
  readonly connections: number;
}

/**
 * Stands between a client and a daemon as a line with a long way to go does: what one side says arrives at the other
 * in one piece, after a while.
 */
export async function startProxy(target: string, socket: string, options: ProxyOptions = {}): Promise<Proxy> {
  const { quiet = 0, cutAfter = Infinity } = options;
  const open = new Set<Socket>();
  let roundTrips = 0;
  let connections = 0;
  const server: Server = createServer((client) => {
    connections++;
    const daemon = connect(target);
    let received = 0;
    const toDaemon = burst(daemon, quiet, () => roundTrips++);
    const toClient = burst(client, quiet, () => undefined);
    client.on("data", toDaemon.add);
    daemon.on("data", (data) => {
      const rest = cutAfter - received;
      received += data.length;
      toClient.add(data.subarray(0, Math.max(0, rest)));
      if (received >= cutAfter) daemon.destroy();
    });
    for (const [one, toOther] of [
      [client, toDaemon],
      [daemon, toClient],
    ] as const) {
      open.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        open.delete(one);
        toOther.end();
      });
    }
  });
  server.listen(socket);
  await once(server, "listening");
  return {
    socket,
    uri: `unix://${socket}`,
    get roundTrips() {
      return roundTrips;
    },
    get connections() {
      return connections;
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of open) each.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

interface Burst {
  add(piece: Buffer): void;
  /** Ends the other side's connection when it has all that was said. */
  end(): void;
}

/** Takes pieces, and hands over what has come once nothing more does. */
function burst(to: Socket, quiet: number, onBurst: () => void): Burst {
  let pieces: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const handOver = (): void => {
    clearTimeout(timer);
    if (pieces.length === 0) return;
    onBurst();
    if (!to.destroyed) to.write(Buffer.concat(pieces));
    pieces = [];
  };
  return {
    add: (piece) => {
      pieces.push(piece);
      clearTimeout(timer);
      timer = setTimeout(handOver, quiet);
    },
    end: () => {
      handOver();
      to.end();
    },
  };
}
