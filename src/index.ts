import "./disposal.js";
export * from "./exports/store.js";
export * from "./exports/evaluator.js";
export * from "./exports/image.js";
