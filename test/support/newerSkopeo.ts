import path from "node:path";
import { projectRoot } from "./run.js";

/** Runs the skopeo of another Debian release, which the set-up script unpacks. */
export const newerSkopeo = path.join(projectRoot, ".cache/skopeo-trixie/skopeo");
