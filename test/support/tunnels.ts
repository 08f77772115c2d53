import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface Tunnels extends AsyncDisposable {
  readonly url: string;
  /** `host:port`, as it was asked for. */
  readonly asked: string[];
  /** What came with it. */
  readonly heads: IncomingHttpHeaders[];
  /** The status of what it answers in place of a tunnel. */
  refusal: number | undefined;
}

/** A proxy of HTTP that takes every way to the same `host:port`. */
export async function startTunnels(target: string): Promise<Tunnels> {
  const [host = "", port = ""] = target.split(":");
  const asked: string[] = [];
  const heads: IncomingHttpHeaders[] = [];
  const open = new Set<Socket>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "");
    asked.push(url.host);
    const { method, headers } = request;
    const onward = httpRequest({ host, port, method, headers, path: url.pathname + url.search }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on("connect", (request, client: Socket) => {
    asked.push(request.url ?? "");
    heads.push(request.headers);
    if (tunnels.refusal !== undefined) {
      client.end(`HTTP/1.1 ${tunnels.refusal} No\r\n\r\n`);
      return;
    }
    const onward = connect(Number(port), host, () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
    for (const each of [client, onward]) {
      open.add(each);
      each.on("error", () => undefined);
      each.on("close", () => {
        client.destroy();
        onward.destroy();
      });
    }
    client.pipe(onward).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const tunnels: Tunnels = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    heads,
    refusal: undefined,
    [Symbol.asyncDispose]: async () => {
      for (const each of open) each.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return tunnels;
}
