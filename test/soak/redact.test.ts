import fc from "fast-check";
import { expect, test } from "vitest";
import { redactText, redactUrl } from "../../dist/redact.js";
import { repetitions } from "../support/repetitions.js";

test("no password of any form is shown", () => {
  const part = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom("/", "?", "#", "@", ":", "%", "&", "=", " ", "\\", '"', "'", "[", "]", "a", "1"),
    }),
  );
  const scheme = fc.constantFrom("http://", "https://", "ssh-ng://", "s3://", "docker://", "x+y://");
  const all = fc.tuple(
    scheme,
    part,
    part,
    part,
    fc.constantFrom("host", "[::1]:80", "host:80/x?store=/y", ""),
  );
  fc.assert(
    fc.property(all, ([start, user, before, after, host]) => {
      const url = `${start}${user}:${before}SECRET${after}@${host}`;
      expect(redactUrl(url)).not.toContain("SECRET");
      if (!/\s/.test(url)) expect(redactText(`it says "${url}", and more`)).not.toContain("SECRET");
    }),
    { numRuns: repetitions(1000, 100_000) },
  );
});
