/** Message identifiers in Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4). */

/** The identifiers of a value, each with its angle brackets and without blanks inside; words outside brackets are none. */
export function parseMessageIds(value: string): string[] {
  const found: string[] = [];
  let start = value.indexOf('<');
  while (start !== -1) {
    const end = value.indexOf('>', start + 1);
    if (end === -1) break;
    // An opening bracket left open belongs to no identifier.
    const open = value.lastIndexOf('<', end);
    const id = value.slice(open + 1, end).replace(/\s/g, '');
    if (id !== '') found.push(`<${id}>`);
    start = value.indexOf('<', end + 1);
  }
  return found;
}
