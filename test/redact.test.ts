import { inspect } from "node:util";
import { expect, test } from "vitest";
import { ArgumentError, LaminixError } from "../dist/errors.js";
import { redactText, redactUrl } from "../dist/redact.js";

test.each([
  ["https://user:secret@host/x", "https://***@host/x"],
  ["https://secret@host/x", "https://***@host/x"],
  ["http://user:s3/secret@host", "http://***@host"],
  ["http://user:s3?se#cret@host/x?y=secret", "http://***@host/x?y=***"],
  ["http://user:p@ss/secret@host", "http://***@host"],
  ["http://user:%zzsecret@host", "http://***@host"],
  ["http://user:secret%40host", "http://***@host"],
  ["http://user%3asecret@host", "http://***@host"],
  ["http://user:s e c r e t@host", "http://***@host"],
  ["http://user:secret", "http://user:***"],
  ["http:user:secret@host", "***@host"],
  ["HTTPS://user:secret@host", "HTTPS://***@host"],
  ["ssh-ng://user:secret@host", "ssh-ng://***@host"],
  ["s3://AK:secret@bucket?region=secret", "s3://***@bucket?region=***"],
  ["user:secret@host/x", "***@host/x"],
  ["user:secret://x@host/x", "***@host/x"],
  ["docker://user:secret@host:5000/x:1", "docker://***@host:5000/x:1"],
  ["unix://user:secret@host", "unix://***@host"],
  ["docker://https://user:secret", "docker://https://user:***"],
  [
    "https://host/x?token=secret&store=/nix/store&X-Amz-Signature=secret",
    "https://host/x?token=***&store=/nix/store&X-Amz-Signature=***",
  ],
  ["https://host/?secret", "https://host/?***"],
  ["ssh-ng://host?store=http://u:secret&real=http%3A%2F%2Fu%3Asecret", "ssh-ng://host?store=***&real=***"],
  ["https://host/#access_token=secret", "https://host/#***"],
])("a password is not shown of %s", (url, shown) => {
  expect(redactUrl(url)).toBe(shown);
  if (!/\s/.test(url) && url.includes("://") && !url.startsWith("user"))
    expect(redactText(`"--store=${url}" is no store`)).not.toContain("secret");
});

test.each([
  ["https:user:secret@host/x", "***@host/x"],
  ["https:/user:secret@host", "***@host"],
  ["//user:secret@host/x", "***@host/x"],
  ['"user:secret@host/x"', '"***@host/x"'],
  ["PATH=/nix/store/a/bin:/usr/lib/@scope/x", "PATH=/nix/store/a/bin:/usr/lib/@scope/x"],
  [`a/b:1@sha256:${"0".repeat(64)}`, `a/b:1@sha256:${"0".repeat(64)}`],
])("in a text, %s is shown as %s", (text, shown) => {
  expect(redactText(`of ${text} there is nothing`)).toBe(`of ${shown} there is nothing`);
});

test("a text of many schemes is shown as any other", () => {
  expect(redactText("a://".repeat(5_000_000)).length).toBeGreaterThan(0);
});

test.each([
  "auto",
  "daemon",
  "./result",
  "unix:///run/a:b@c.sock?root=/mnt",
  "file:///cache?trusted-public-keys=name-1:abc+/=&require-sigs=false",
  "ssh-ng://user@host:22?ssh-key=/key&compress=true",
  "https://cache.example:8443/x/",
  "https://host/@scope/x",
  "http://[::1]:80/",
  "docker://nginx:latest",
  "localhost:5000/a/b:1",
  `docker://localhost:5000/a/b:1@sha256:${"0".repeat(64)}`,
  "a/b@sha256:abc",
  "github:NixOS/nixpkgs#hello",
  "git+https://host/repo?ref=main&rev=abc#attribute",
])("what has no secret is shown as it is: %s", (text) => {
  expect(redactUrl(text)).toBe(text);
  expect(redactText(text)).toBe(text);
});

test("a URL that could be parsed is shown by its parts", () => {
  expect(redactUrl(new URL("http://user:secret@host:1/a:b@c?x=secret#y"))).toBe(
    "http://***@host:1/a:b@c?x=***#y",
  );
});

test("of a text only its URLs, and a header that lets somebody in, are changed", () => {
  expect(
    redactText(
      '/cwd/http:/u:secret@h: tried ("http://u:secret@h/x"), "https://h?token=secret", then ssh-ng://u@h: a:b@c\nauthorization: Bearer secret.x',
    ),
  ).toBe(
    '/cwd/***@h: tried ("http://***@h/x"), "https://h?token=***", then ssh-ng://u@h: ***@c\nauthorization: Bearer ***',
  );
});

test("an error has no password in it, whoever brings it along", () => {
  const url = "https://user:secret@host/x";
  const bottom = Object.assign(new TypeError(`Invalid URL ${url}`), { code: "ERR_INVALID_URL", input: url });
  const middle = new AggregateError([new Error(url)], "several", { cause: bottom });
  const loop: Record<string, unknown> = { url };
  loop["loop"] = loop;
  const error = new LaminixError("ERR_INTERNAL", `no ${url}`, {
    hint: `try ${url}`,
    details: { url, tried: [url, { url: new URL(url) }], loop, other: 1 },
    cause: new LaminixError("ERR_INTERNAL", "inner", { cause: middle }),
  });
  expect(inspect(error, { depth: 50, showHidden: true })).not.toContain("secret");
  expect(error.details).toMatchObject({ url: "https://***@host/x", other: 1 });
  expect((error.cause as LaminixError).cause).toMatchObject({ name: "AggregateError", message: "several" });
  const argument = new ArgumentError("options.x", "a number", `https://user:${"x".repeat(100)}secret@host`);
  expect(argument.message).toBe('options.x must be a number; received "https://***@host"');
});

test("what caused an error stays what it is where there is nothing to hide", () => {
  const details = { list: [1, { path: "/a:b@c" }] };
  const cause = new RangeError("no secret", { cause: new Error("none") });
  const error = new LaminixError("ERR_INTERNAL", "x", { cause, details });
  expect(error.cause).toBe(cause);
  expect(error.details).toBe(details);
});
