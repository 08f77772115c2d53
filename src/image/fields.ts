/**
 * Fields of JSON that a program in Go may have written, as most of what is read here: `null`, or nothing, is an empty list
 * or map, and an empty string is one that is absent. What is of another kind counts as absent too.
 */
import { isArray, isObject, type Json, type JsonObject } from "../bytes/json.js";

/** @param json an object; anything else has no fields */
export function listIn(json: Json | undefined, key: string): readonly Json[] {
  const value = fieldOf(json, key);
  return isArray(value) ? value : [];
}

/** The strings of a list. */
export function textsIn(json: Json | undefined, key: string): string[] {
  return listIn(json, key).filter((each) => typeof each === "string");
}

export function objectIn(json: Json | undefined, key: string): JsonObject {
  const value = fieldOf(json, key);
  return isObject(value) ? value : EMPTY;
}

/** @returns never an empty string */
export function textIn(json: Json | undefined, key: string): string | undefined {
  const value = fieldOf(json, key);
  return typeof value === "string" && value !== "" ? value : undefined;
}

const EMPTY: JsonObject = new Map();

function fieldOf(json: Json | undefined, key: string): Json | undefined {
  return isObject(json) ? json.get(key) : undefined;
}
