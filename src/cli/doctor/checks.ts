/** All checks, in the order in which they are told. */
import { addon } from "./addon.js";
import { cache } from "./cache.js";
import type { Check } from "./check.js";
import { decoders, encoders } from "./compression.js";
import { credentials } from "./credentials.js";
import { daemon } from "./daemon.js";
import { engines } from "./engines.js";
import { evaluator } from "./evaluator.js";
import { machine } from "./machine.js";
import { namespaces } from "./namespaces.js";
import { fakeroot, ssh } from "./programs.js";

export const checks: readonly Check[] = [
  ...[addon, daemon, ssh, evaluator, cache, encoders, ...decoders, ...engines, credentials],
  ...[namespaces, ...fakeroot, ...machine],
];
