/** The checksum of gzip (RFC 1952, section 8), of parts that were read apart. */

/** The polynomial, as all of them here: the lowest power is the highest bit. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;

/** Multiplied, without carries, modulo the polynomial. */
function times(one: number, other: number): number {
  let product = 0;
  let factor = other;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if (one & bit) product ^= factor;
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product;
}

/** x to the power of eight times so many. */
function shift(bytes: number): number {
  let power = 1 << 23;
  let result = ONE;
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = times(power, result);
    power = times(power, power);
  }
  return result;
}

/**
 * Of two parts one behind the other, by those of each.
 * @param length of the second, in bytes
 */
export function joinedCrc32(first: number, second: number, length: number): number {
  return (times(shift(length), first) ^ second) >>> 0;
}
