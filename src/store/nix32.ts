/** Nix's base 32: digits without e, o, u and t, the most significant first (Nix manual, "Store Path"). */

const DIGITS = "0123456789abcdfghijklmnpqrsvwxyz";

export function toNix32(bytes: Uint8Array): string {
  let number = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let digits = "";
  for (let i = 0; i < lengthOf(bytes.length); i++) {
    digits = `${DIGITS.charAt(Number(number & 31n))}${digits}`;
    number >>= 5n;
  }
  return digits;
}

/** The bytes that a text stands for; `undefined` if it is not `size` bytes in this base. */
export function fromNix32(text: string, size: number): Uint8Array | undefined {
  if (text.length !== lengthOf(size)) return undefined;
  let number = 0n;
  for (const digit of text) {
    const value = DIGITS.indexOf(digit);
    if (value < 0) return undefined;
    number = (number << 5n) | BigInt(value);
  }
  if (number >> BigInt(size * 8) !== 0n) return undefined;
  return Uint8Array.from({ length: size }, (_, i) => Number((number >> BigInt(i * 8)) & 0xffn));
}

function lengthOf(size: number): number {
  return Math.ceil((size * 8) / 5);
}
