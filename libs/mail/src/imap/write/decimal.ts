/** Digits of 0 to 9999, four octets each. */
const GROUPS = new Uint8Array(40_000);
for (let i = 0; i < 10_000; i++) {
  GROUPS[i * 4] = 0x30 + Math.floor(i / 1000);
  GROUPS[i * 4 + 1] = 0x30 + (Math.floor(i / 100) % 10);
  GROUPS[i * 4 + 2] = 0x30 + (Math.floor(i / 10) % 10);
  GROUPS[i * 4 + 3] = 0x30 + (i % 10);
}

/** Writes a non-negative integer below 2^53; returns the offset behind it. At most 16 octets. */
export function putDecimal(octets: Uint8Array, at: number, number: number): number {
  if (number < 10_000) return putGroup(octets, at, number);
  if (number < 100_000_000) {
    const high = (number / 10_000) | 0;
    return putWhole(octets, putGroup(octets, at, high), number - high * 10_000);
  }
  const high = Math.floor(number / 100_000_000);
  const rest = number - high * 100_000_000;
  const middle = (rest / 10_000) | 0;
  return putWhole(octets, putWhole(octets, putDecimal(octets, at, high), middle), rest - middle * 10_000);
}

function putGroup(octets: Uint8Array, at: number, number: number): number {
  let from = number * 4;
  const end = from + 4;
  if (number < 1000) from += number < 10 ? 3 : number < 100 ? 2 : 1;
  let to = at;
  while (from < end) octets[to++] = GROUPS[from++]!;
  return to;
}

function putWhole(octets: Uint8Array, at: number, number: number): number {
  const from = number * 4;
  octets[at] = GROUPS[from]!;
  octets[at + 1] = GROUPS[from + 1]!;
  octets[at + 2] = GROUPS[from + 2]!;
  octets[at + 3] = GROUPS[from + 3]!;
  return at + 4;
}
