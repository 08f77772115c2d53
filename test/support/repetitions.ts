/** Whether this is `npm run soak`, which repeats what the test suite does a few times. */
const isSoak = process.env["LAMINIX_SOAK"] === "true";

/** How often something is tried: in the test suite, and in the soak. */
export function repetitions(test: number, soak: number): number {
  return isSoak ? soak : test;
}
