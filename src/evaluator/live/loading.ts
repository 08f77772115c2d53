/** What is loaded, as text for a session. */
import { resolve } from "node:path";
import { requireOptions } from "../../arguments.js";
import { ArgumentError } from "../../errors.js";
import { NixExpression } from "../expression.js";
import type { Binding } from "../sessions/session.js";
import type { Sent, Transfer } from "../sessions/transfer.js";
import { type FlakeOutput, flakeInstallable, isFlake, type NixFile, type Subject } from "../subject.js";
import { type NixInput, toNix } from "../value.js";
import { dataJson } from "./dataJson.js";
import { attributePath } from "./root.js";
import type { Sources } from "./sources.js";
import { requireText } from "../program.js";

export interface LoadArguments {
  /** What the expression or file, a function, is called with. */
  readonly args?: { readonly [name: string]: NixInput | undefined };
  /** Arguments for all functions on the way to a value that take them by name, as Nix's `--arg` has it. */
  readonly autoArgs?: { readonly [name: string]: NixInput | undefined };
}

/** A root's text, and where in it the subject is: an attribute path, or several of which the first there is counts. */
export interface Loading extends Sent {
  readonly paths: readonly (readonly string[])[];
}

export class Loader {
  readonly #transfer: Transfer;
  readonly #sources: Sources;
  readonly #cwd: string;

  constructor(transfer: Transfer, sources: Sources, cwd: string) {
    this.#transfer = transfer;
    this.#sources = sources;
    this.#cwd = cwd;
  }

  /**
   * @param lock gives a flake's reference with its hash, where evaluation is pure
   * @throws {ArgumentError} ERR_ARGUMENT
   */
  async text(
    subject: Subject,
    options: LoadArguments,
    lock: ((flake: string) => Promise<string>) | undefined,
  ): Promise<Loading> {
    const { args, autoArgs } = options;
    if (args !== undefined) requireOptions(args, "options.args");
    if (autoArgs !== undefined) requireOptions(autoArgs, "options.autoArgs");
    const { sent, paths } = await this.#subject(subject, options, lock);
    const pieces = [sent];
    const given = args && this.argument(args, "options.args");
    const auto = this.argument(autoArgs ?? {}, "options.autoArgs");
    if (given) pieces.push(given);
    const value = pieces.map(({ text }) => text).join(" ");
    return {
      text: `L.root (${value}) ${String(autoArgs !== undefined)} ${auto.text}`,
      bindings: [...pieces, auto].flatMap(({ bindings }) => bindings),
      paths,
    };
  }

  /** An expression of a JavaScript value. */
  argument(value: unknown, name: string): Sent {
    const json = dataJson(value, name);
    return json === undefined ? this.#sources.add(toNix(value, name)) : this.#transfer.json(json);
  }

  async #subject(
    subject: Subject,
    options: LoadArguments,
    lock: ((flake: string) => Promise<string>) | undefined,
  ): Promise<{ sent: Sent; paths: readonly (readonly string[])[] }> {
    if (isFlake(subject)) {
      const [flake, paths] = this.#flake(subject, options);
      const reference = this.#transfer.json(JSON.stringify(lock ? await lock(flake) : flake));
      return { sent: { ...reference, text: `(builtins.getFlake ${reference.text})` }, paths };
    }
    if (typeof subject === "string" || subject instanceof NixExpression) {
      if (typeof subject === "string") requireText(subject, "subject");
      return { sent: this.#sources.add(typeof subject === "string" ? subject : subject.text), paths: [[]] };
    }
    return this.#file(subject);
  }

  #file(subject: NixFile): { sent: Sent; paths: readonly (readonly string[])[] } {
    requireOptions(subject, "subject");
    const { file, attribute } = subject;
    requireText(file, "subject.file");
    const path = attribute === undefined ? [] : checkedPath(attribute);
    const place = this.#transfer.json(JSON.stringify(resolve(this.#cwd, file)));
    return { sent: { ...place, text: `(import ${place.text})` }, paths: [path] };
  }

  /** The flake without its attribute, and where that may be, as `nix eval` looks for it. */
  #flake(subject: FlakeOutput, options: LoadArguments): [string, readonly (readonly string[])[]] {
    const [flake = "", ...rest] = flakeInstallable(subject, options).split("#");
    const reference = /^\.{0,2}\/|^\.{1,2}$/.test(flake) ? resolve(this.#cwd, flake) : flake;
    const attribute = rest.join("#");
    if (attribute === "") return [reference, [[]]];
    const path = checkedPath(attribute);
    const system = nixSystem();
    return [reference, [["packages", system, ...path], ["legacyPackages", system, ...path], path]];
  }
}

/** Texts of `bindings` and of a root that is bound after them. */
export function bindingsOf({ bindings, text }: Sent, name: string): readonly Binding[] {
  return [...bindings, { name, text }];
}

function checkedPath(attribute: string): string[] {
  requireText(attribute, "subject.attribute");
  const path = attributePath(attribute);
  if (!path) throw new ArgumentError("subject.attribute", 'an attribute path, such as a."b.c".d', attribute);
  return path;
}

/** This machine as Nix names it. */
function nixSystem(): string {
  const machines: Readonly<Record<string, string>> = {
    x64: "x86_64",
    arm64: "aarch64",
    ia32: "i686",
    arm: "armv7l",
  };
  return `${machines[process.arch] ?? process.arch}-${process.platform}`;
}
