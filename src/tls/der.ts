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

/** Where the value that bytes begin with ends. */
export function endOf(der: Uint8Array): number {
  return contentOf(der).end;
}
