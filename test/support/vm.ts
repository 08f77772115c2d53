import path from "node:path";
import { projectRoot } from "./run.js";

/** Where the set-up unpacks a kernel for virtual machines. */
export function vmKernelPath(): string {
  return path.join(projectRoot, ".cache/vm-kernel");
}
