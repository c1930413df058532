/** Addresses of hosts as address literals hold them (RFC 5321 section 4.1.3). */

/** Four decimal octets without leading zeros (which some read as octal), as written; else undefined. */
export function parseIpv4(text: string): string | undefined {
  if (text.length > 15) return undefined;
  const parts = text.split('.');
  return parts.length === 4 && parts.every(isOctet) ? text : undefined;
}

/** Any form of RFC 4291 section 2.2, turned into the one form of RFC 5952; else undefined. No zone. */
export function parseIpv6(text: string): string | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!, halves.length === 1);
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? formatIpv6(head) : undefined;
  const tail = groups(halves[1]!, true);
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return formatIpv6([...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]);
}

function isOctet(part: string): boolean {
  return /^\d{1,3}$/.test(part) && (part.length === 1 || part[0] !== '0') && Number(part) < 256;
}

function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const numbers: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) numbers.push(Number.parseInt(part, 16));
    else if (last && index === parts.length - 1 && parseIpv4(part) !== undefined) {
      const [a, b, c, d] = part.split('.').map(Number) as [number, number, number, number];
      numbers.push(a * 256 + b, c * 256 + d);
    } else return undefined;
  }
  return numbers;
}

function formatIpv6(numbers: readonly number[]): string {
  let [best, bestLength] = [-1, 1];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && numbers[end] === 0) end++;
    if (end - start > bestLength) [best, bestLength] = [start, end - start];
  }
  const hex = numbers.map((number) => number.toString(16));
  if (best < 0) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}
