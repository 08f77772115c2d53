// A registry in a process of its own that keeps no bytes, only which blobs and manifests it has been sent, so that nothing
// of what a push costs is a registry's (OCI distribution-spec 1.1). Prints its port; answers what it has counted at /counts,
// and begins to count anew.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

const blobs = new Map();
const manifests = new Map();
/** Bytes so far. */
const uploads = new Map();
let counts = { requests: 0, sent: 0 };

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://registry");
  const answer = (status, headers = {}, body = "") => {
    response.writeHead(status, headers);
    response.end(request.method === "HEAD" ? "" : body);
  };
  if (pathname === "/counts") {
    answer(200, {}, JSON.stringify(counts));
    counts = { requests: 0, sent: 0 };
    return;
  }
  counts.requests++;
  const pieces = [];
  let size = 0;
  request.on("data", (piece) => {
    counts.sent += piece.length;
    size += piece.length;
    if (pathname.includes("/manifests/")) pieces.push(piece);
  });
  request.on("end", () => {
    const [, repository, kind, name = ""] =
      /^\/v2\/(.+)\/(blobs|manifests|referrers)\/(.*)$/.exec(pathname) ?? [];
    const has = { blobs, manifests }[kind]?.get(name);
    if (pathname === "/v2/") return answer(200);
    if (["GET", "HEAD"].includes(request.method ?? "")) {
      if (has === undefined) return answer(404);
      const { type, body, digest } = has;
      return answer(
        200,
        {
          "content-length": has.size,
          "docker-content-digest": digest,
          ...(type && { "content-type": type }),
        },
        body,
      );
    }
    if (kind === "manifests") {
      const body = Buffer.concat(pieces);
      const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
      const kept = { size: body.length, body, digest, type: request.headers["content-type"] };
      for (const key of [name, digest]) manifests.set(key, kept);
      return answer(201, { location: pathname, "docker-content-digest": digest });
    }
    if (request.method === "POST" && !searchParams.has("digest"))
      return answer(202, { location: `/v2/${repository}/blobs/uploads/${String(counts.requests)}` });
    if (request.method === "PATCH") {
      uploads.set(pathname, (uploads.get(pathname) ?? 0) + size);
      return answer(202, { location: pathname, range: `0-${String(uploads.get(pathname) - 1)}` });
    }
    const digest = searchParams.get("digest");
    blobs.set(digest, { size: (uploads.get(pathname) ?? 0) + size, digest });
    uploads.delete(pathname);
    return answer(201, { location: `/v2/${repository}/blobs/${digest}` });
  });
});
// Connections stay, as a registry's do.
server.keepAliveTimeout = 120_000;
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
