import { loadedAddon } from "../../process/addon.js";
import { type Check, ok } from "./check.js";

export const addon: Check = {
  feature: "addon",
  neededFor: "questions to a Nix daemon",
  look: () => ok(loadedAddon().file),
};
