/** Names of images, as they stand in archives. */
import { LaminixError } from "../../errors.js";
import { parseReference } from "../../manifests/reference.js";

export function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (error instanceof LaminixError) return false;
    throw error;
  }
}
