import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "./certificate.js";
import { startInBackground } from "./background.js";
import { freePort } from "./freePort.js";
import { mustRun, run } from "./run.js";
import { temporaryFolder } from "./temporary.js";

export interface ImageRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, as image names begin. */
  readonly host: string;
  /** The certificate of the authority that its own is signed by: itself. */
  readonly certificate: string;
  /** The folder that it keeps everything in. */
  readonly storage: string;
  /** Copies a docker-archive there; answers the manifest's digest. */
  push(archive: string, repository: string): Promise<string>;
  /** What its access log says that it was asked for while something was done; of a registry without TLS. */
  during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly requests: LoggedRequest[] }>;
}

export interface LoggedRequest {
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly status: number;
}

export interface ImageRegistryOptions {
  /** Plain HTTP in place of TLS. */
  readonly plain?: boolean;
  /** Whom it lets in; everybody unless given. */
  readonly auth?:
    | { readonly kind: "password" }
    /** Bearers of tokens signed with the key of a certificate. */
    | {
        readonly kind: "token";
        readonly realm: string;
        readonly service: string;
        readonly certificate: string;
      };
}

/** The one account of a registry that asks for passwords. */
export const account = { username: "tester", password: "s3cret-pass" } as const;
/** Of that password; a registry knows bcrypt and nothing else. */
const HTPASSWD = `${account.username}:$2b$04$MNaVFC9PxSoaWxfpRR7EvutUlMmJsvgftSOsvkdeDyfCT/94XF/6G\n`;

/** Starts a registry on the loopback interface that speaks TLS, or plain HTTP; needs `docker-registry`, `openssl`, `skopeo`. */
export async function startImageRegistry({
  plain = false,
  auth,
}: ImageRegistryOptions = {}): Promise<ImageRegistry> {
  const folder = await temporaryFolder("registry");
  try {
    const address = "127.0.0.1";
    const host = `${address}:${await freePort(address)}`;
    const config = folder.join("config.yml");
    const { key, cert: certificate } = await makeCertificate(folder.path, "test", `IP:${address}`);
    await writeFile(folder.join("htpasswd"), HTPASSWD);
    const settings = {
      version: "0.1",
      storage: { filesystem: { rootdirectory: folder.join("data") }, delete: { enabled: true } },
      http: { addr: host, ...(!plain && { tls: { certificate, key } }) },
      ...(auth?.kind === "password" && {
        auth: { htpasswd: { realm: "test", path: folder.join("htpasswd") } },
      }),
      ...(auth?.kind === "token" && {
        auth: {
          token: {
            realm: auth.realm,
            service: auth.service,
            issuer: "test",
            rootcertbundle: auth.certificate,
          },
        },
      }),
    };
    await writeFile(config, JSON.stringify(settings)); // JSON is YAML
    const server = await startInBackground("docker-registry", ["serve", config], {
      env: { PATH: process.env["PATH"], OTEL_TRACES_EXPORTER: "none" },
      logFile: folder.join("registry.log"),
      isReady: async () =>
        plain
          ? fetch(`http://${host}/`).then(
              () => true,
              () => false,
            )
          : (await run("openssl", ["s_client", "-connect", host], { input: "" })).code === 0,
    });
    /** A line is written after its answer; those of earlier requests are there when that of this one is. */
    const log = async (): Promise<LoggedRequest[]> => {
      const mark = `/v2/?${randomUUID()}`;
      await fetch(`http://${host}${mark}`);
      for (;;) {
        const requests = requestsIn(server.log());
        if (requests.some(({ url }) => url === mark))
          return requests.filter(({ url }) => !url.startsWith("/v2/?"));
        await sleep(5);
      }
    };
    return {
      host,
      certificate,
      storage: folder.join("data"),
      during: async (work) => {
        const before = (await log()).length;
        const result = await work();
        return { result, requests: (await log()).slice(before) };
      },
      push: async (archive, repository) => {
        const digest = folder.join("digest");
        await mustRun("skopeo", [
          ...["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", `--digestfile=${digest}`],
          ...(auth?.kind === "password" ? [`--dest-creds=${account.username}:${account.password}`] : []),
          ...[`docker-archive:${archive}`, `docker://${host}/${repository}`],
        ]);
        return (await mustRun("cat", [digest])).stdout.toString();
      },
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** Its access log is in Apache's combined format, among other lines. */
function requestsIn(log: string): LoggedRequest[] {
  return Array.from(log.matchAll(/"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d{3}) /g), ([, method, url, status]) => ({
    method: method!,
    url: url!,
    status: Number(status),
  }));
}
