/** Text for people: what others wrote in it can neither steer their terminal nor hide from them. */

/** ECMA-48, Select Graphic Rendition: colours, as compilers and scripts print them. */
// eslint-disable-next-line no-control-regex
const COLOURS = /\x1b\[[0-9;:]*m/g;

/** Control characters but tab and line feed, and those that change the direction of text (Unicode TR 36, 2.9.2). */
// eslint-disable-next-line no-control-regex
const STEERING = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Colours are dropped; other characters that a terminal would act upon are written as JSON escapes them. */
export function visible(text: string): string {
  return text
    .replace(COLOURS, "")
    .replace(/\r\n/g, "\n")
    .replace(STEERING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
