/**
 * Line, from 1, of a key in a TOML text, or of the nearest table above it; undefined when neither is there. The parser gives
 * no positions, so this looks for headers and keys line by line; enough for an error message.
 */
export function locateKey(text: string, path: readonly string[]): number | undefined {
  let table: string[] = [];
  let best: { line: number; depth: number } | undefined;
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] as string).trim();
    const header = /^\[\[?([^\]]+)\]\]?/.exec(line);
    const assignment = /^((?:"[^"]*"|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|[A-Za-z0-9_-]+))*)\s*=/.exec(line);
    let here: string[];
    if (header !== null) {
      table = splitKey(header[1] as string);
      here = table;
    } else if (assignment !== null) {
      here = [...table, ...splitKey(assignment[1] as string)];
    } else continue;
    if (here.length <= path.length && here.every((part, at) => part === path[at]) && here.length > (best?.depth ?? 0)) {
      best = { line: i + 1, depth: here.length };
    }
  }
  return best?.line;
}

function splitKey(key: string): string[] {
  return [...key.matchAll(/"([^"]*)"|([A-Za-z0-9_-]+)/g)].map((match) => (match[1] ?? match[2]) as string);
}
