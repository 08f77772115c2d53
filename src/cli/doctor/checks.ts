/** All checks, in the order in which they are told. */
import { addon } from "./addon.js";
import { cache } from "./cache.js";
import type { Check } from "./check.js";
import { compressors } from "./compressors.js";
import { credentials } from "./credentials.js";
import { daemon } from "./daemon.js";
import { engines } from "./engines.js";
import { evaluator } from "./evaluator.js";
import { machine } from "./machine.js";
import { namespaces } from "./namespaces.js";
import { fakeroot, ssh } from "./programs.js";

export const checks: readonly Check[] = [
  ...[addon, daemon, ssh, evaluator, cache, ...compressors, ...engines, credentials],
  ...[namespaces, ...fakeroot, ...machine],
];
