/**
 * `Symbol.dispose` and `Symbol.asyncDispose` where they are missing: in contexts of `node:vm`, as test runners use them,
 * Node 20 and 22 have them in the main context only. They are those of Node's own objects.
 */
import { Readable } from "node:stream";
import { clearTimeout, setTimeout } from "node:timers";

function define(name: "dispose" | "asyncDispose", owner: object): void {
  if ((Symbol[name] as symbol | undefined) !== undefined) return;
  const description = `Symbol.${name}`;
  const value =
    Object.getOwnPropertySymbols(owner).find((symbol) => symbol.description === description) ??
    Symbol(description);
  Object.defineProperty(Symbol, name, { value });
}

const timer = setTimeout(() => undefined, 0);
clearTimeout(timer);
define("dispose", Object.getPrototypeOf(timer) as object);
define("asyncDispose", Readable.prototype);
