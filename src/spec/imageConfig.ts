/**
 * The `config` of a spec: what a container runs, and how. Keys and types are those of the OCI image configuration (OCI
 * image-spec, config.md, Properties) and of Docker's (Docker image specification 1.3, "Image JSON Description").
 */
import { z } from "zod";
import { objectIn } from "../image/fields.js";
import type { JsonObject } from "../bytes/json.js";
import { nearestWord } from "../errors.js";

// Go takes `null` for a value of any type.
const text = z.string("must be a string").nullish();
const words = z.array(z.string("must be a string"), "must be a list of strings").nullish();
const command = z
  .array(z.string("must be a string"), 'must be a list of words, such as ["/bin/sh", "-c", "date"]')
  .nullish();
const flag = z.boolean("must be true or false").nullish();
const integer = z.int("must be a whole number").nullish();
const nothing = z.looseObject({}, "must be {}").nullable();
const names = (example: string): z.ZodType =>
  z.record(z.string(), nothing, `must be an object of names, such as { "${example}": {} }`).nullish();

const healthcheckKeys = {
  Test: z
    .array(z.string("must be a string"), 'must be a list of words, such as ["CMD", "/bin/true"]')
    .nullish()
    .describe("Empty, NONE, CMD and words, or CMD-SHELL and a line."),
  Interval: integer.describe("Between two checks, in nanoseconds."),
  Timeout: integer.describe("Of a check, in nanoseconds."),
  StartPeriod: integer.describe("In which checks may fail, in nanoseconds."),
  StartInterval: integer.describe("Between two checks in this period, in nanoseconds."),
  Retries: integer.describe("How many checks in a row must fail."),
};

const configKeys = {
  User: text.describe("USER[:GROUP], by name or number."),
  ExposedPorts: names("80/tcp").describe("Ports that the container listens on."),
  Env: words.describe("Variables, as NAME=value."),
  Entrypoint: command.describe("The words that a container's command begins with."),
  Cmd: command.describe("The command, or the default arguments of Entrypoint."),
  Volumes: names("/data").describe("Folders that are volumes."),
  WorkingDir: text.describe("The folder that the command begins in."),
  Labels: z
    .record(z.string(), z.string("must be a string").nullable(), "must be an object of strings")
    .nullish()
    .describe("What there is to tell of the image."),
  StopSignal: text.describe("The signal that ends the container, such as SIGTERM."),
  StopTimeout: integer.describe("Seconds until it is killed."),
  Healthcheck: z
    .looseObject(healthcheckKeys, "must be an object")
    .nullish()
    .describe("How a container's health is checked."),
  Shell: command.describe("The shell of lines that are not lists of words."),
  OnBuild: words.describe("What an image that is built on this one does first."),
  ArgsEscaped: flag.describe("Whether the command is escaped already. Windows only."),
  Hostname: text.describe("The container's host name. Docker only."),
  Domainname: text.describe("The container's domain name. Docker only."),
  Image: text.describe("The image that this one was made from. Docker only."),
  MacAddress: text.describe("The container's MAC address. Docker only."),
  NetworkDisabled: flag.describe("Whether the container has no network. Docker only."),
  AttachStdin: flag.describe("Whether standard input is attached. Docker only."),
  AttachStdout: flag.describe("Whether standard output is attached. Docker only."),
  AttachStderr: flag.describe("Whether standard error is attached. Docker only."),
  OpenStdin: flag.describe("Whether standard input is open though nothing is attached. Docker only."),
  StdinOnce: flag.describe("Whether standard input is closed after the first client detaches. Docker only."),
  Tty: flag.describe("Whether the container has a terminal. Docker only."),
  Memory: integer.describe("The memory limit in bytes. Docker only."),
  MemorySwap: integer.describe("The limit of memory and swap together, in bytes; -1 for none. Docker only."),
  MemoryReservation: integer.describe("The soft memory limit in bytes. Docker only."),
  KernelMemory: integer.describe("The kernel memory limit in bytes. Docker only."),
  CpuShares: integer.describe("The relative weight of CPU time. Docker only."),
  Cpuset: text.describe("The CPUs to run on, such as 0-3 or 0,1. Docker only."),
};

/** Other keys are allowed: engines ignore them. */
export const configSchema: z.ZodType<Record<string, unknown>, Record<string, unknown>> = z.looseObject(
  configKeys,
);

/** What in a configuration works, but perhaps not as intended. */
export function configWarnings(config: JsonObject): string[] {
  return [
    ...unknownKeys("config", config, Object.keys(configKeys)),
    ...unknownKeys("config.Healthcheck", objectIn(config, "Healthcheck"), Object.keys(healthcheckKeys)),
    ...[...objectIn(config, "ExposedPorts").keys()]
      .filter((port) => !isPort(port))
      .map((port) => {
        const name = JSON.stringify(port);
        return `config.ExposedPorts: ${name} is not a port; ports are such as 80/tcp, 53/udp and 8000-8010/tcp`;
      }),
  ];
}

function unknownKeys(name: string, object: JsonObject, known: readonly string[]): string[] {
  return [...object.keys()]
    .filter((key) => !known.includes(key))
    .map((key) => {
      const nearest = nearestWord(key, known) ?? "";
      return `${name} has an unknown key ${JSON.stringify(key)}; the nearest known key is ${JSON.stringify(nearest)}`;
    });
}

/** A port or a range of them, and a protocol (OCI image-spec, config.md, ExposedPorts). */
function isPort(text: string): boolean {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(?:tcp|udp|sctp))?$/.exec(text) ?? [];
  const from = Number(first);
  const to = Number(last);
  return from >= 1 && from <= to && to <= 0xffff;
}
