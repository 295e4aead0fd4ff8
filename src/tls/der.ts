/** So much of DER (X.690 §8.1) as tells where a value begins and ends. */

/** Where the content of the value at an offset begins and ends. */
export function contentOf(der: Uint8Array, at = 0): { readonly start: number; readonly end: number } {
  const short = der[at + 1] ?? 0;
  if (short < 0x80) return { start: at + 2, end: at + 2 + short };
  const octets = short - 0x80;
  const start = at + 2 + octets;
  // more than 4 GiB, and the indefinite length of BER, are lengths of nothing here
  if (octets < 1 || octets > 4 || start > der.length) return { start, end: start };
  return { start, end: start + Buffer.from(der.subarray(at + 2, start)).readUIntBE(0, octets) };
}

/** Where each value inside of the one at an offset begins. */
export function* valuesIn(der: Uint8Array, at = 0): Generator<number> {
  const { start, end } = contentOf(der, at);
  // a length is the file's word
  for (let next = start; next < Math.min(end, der.length); next = contentOf(der, next).end) yield next;
}

/** Where the value that bytes begin with ends. */
export function endOf(der: Uint8Array): number {
  return contentOf(der).end;
}
