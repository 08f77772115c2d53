import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface Tunnels extends AsyncDisposable {
  readonly url: string;
  /** `host:port`, as it was asked for. */
  readonly asked: readonly string[];
}

/** A proxy of HTTP that takes every way to the same `host:port`. */
export async function startTunnels(target: string): Promise<Tunnels> {
  const [host = "", port = ""] = target.split(":");
  const asked: string[] = [];
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
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      for (const each of open) each.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
