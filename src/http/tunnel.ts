/** Connections through a proxy, which is asked for a line to the server (RFC 9110, 9.3.6) and told nothing else. */
import { request as requestByHttp } from "node:http";
import { request as requestByHttps } from "node:https";
import type { buildConnector } from "undici";
import { Authorization } from "./authorization.js";
import { ProxyError } from "./proxy.js";

/** Milliseconds that the proxy has for the line, as undici has for one of its own. */
const PATIENCE = 10_000;

/** @param onward lays TLS over a line */
export function tunnel(proxy: URL, onward: buildConnector.connector): buildConnector.connector {
  const name = `the proxy ${proxy.origin}`;
  const authorization = passwordOf(proxy);
  return (options, callback) => {
    const { host = "", port, protocol } = options;
    const address = port ? host : `${host}:${protocol === "https:" ? "443" : "80"}`;
    const asking = (proxy.protocol === "https:" ? requestByHttps : requestByHttp)({
      host: proxy.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: proxy.port,
      method: "CONNECT",
      path: address,
      headers: { host: address, ...(authorization && { "proxy-authorization": authorization }) },
      agent: false,
      timeout: PATIENCE,
    });
    asking.once("timeout", () => asking.destroy(Object.assign(new Error("silent"), { code: "ETIMEDOUT" })));
    asking.once("error", (cause) => {
      callback(new ProxyError(name, { cause }), null);
    });
    asking.once("connect", ({ statusCode: status = 0 }, socket) => {
      socket.setTimeout(0).on("error", () => undefined); // whoever uses it hears that it has ended
      if (status === 200 && protocol === "https:") onward({ ...options, httpSocket: socket }, callback);
      else if (status === 200) callback(null, socket);
      else {
        socket.destroy();
        callback(new ProxyError(name, { status }), null);
      }
    });
    asking.end();
  };
}

function passwordOf(proxy: URL): string | undefined {
  const { username, password } = proxy;
  if (username === "") return undefined;
  return Authorization.basic(proxy, decoded(username), decoded(password)).headersFor(proxy).authorization;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that stands for itself
  }
}
