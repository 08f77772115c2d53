/** A line to a port of this machine on which everything takes its time. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface SlowLine extends AsyncDisposable {
  readonly port: number;
  /** Bytes that have come from whoever connected, and from the port. */
  readonly passed: { sent: number; received: number };
}

/**
 * Passes on what comes, half a round trip later. How much is on its way at once is not limited.
 * @param roundTrip milliseconds
 */
export async function slowLine(target: number, roundTrip: number): Promise<SlowLine> {
  const passed = { sent: 0, received: 0 };
  const later = (from: Socket, to: Socket, direction: keyof typeof passed): void => {
    from.on("data", (data) => {
      passed[direction] += data.length;
      setTimeout(() => to.destroyed || to.write(data), roundTrip / 2);
    });
    from.on("close", () => setTimeout(() => to.destroy(), roundTrip));
    from.on("error", () => undefined);
  };
  const line = createServer((client) => {
    const server = connect(target, "127.0.0.1");
    for (const socket of [client, server]) socket.setNoDelay(true);
    later(client, server, "sent");
    later(server, client, "received");
  });
  line.listen(0, "127.0.0.1");
  await once(line, "listening");
  const address = line.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    passed,
    [Symbol.asyncDispose]: async () => {
      line.close();
      await once(line, "close");
    },
  };
}
