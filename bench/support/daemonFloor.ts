/** The least that a daemon takes for its answers: all requests written at once, the answers only counted. */
import { connect } from "node:net";

/** An operation on a path. */
export function request(operation: number, path: string): Buffer {
  return Buffer.concat([number(operation), text(path)]);
}

/** Handshake of protocol 1.37, which goes in one write with what follows, then the requests. */
export async function floor(socket: string, requests: readonly Buffer[], atLeast: number): Promise<void> {
  const connection = connect(socket);
  // There is no operation 0: the daemon answers all that it was asked before, then hangs up.
  const handshake = [number(0x6e697863), number(0x125), number(0), number(0)];
  connection.write(Buffer.concat([...handshake, ...requests, number(0)]));
  let bytes = 0;
  for await (const chunk of connection) bytes += (chunk as Buffer).length;
  if (bytes < atLeast) throw new Error(`the daemon answered ${String(bytes)} bytes`);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}
