/** The container engines that images are loaded into. */

export const ENGINES = ["docker", "podman"] as const;
export type Engine = (typeof ENGINES)[number];
