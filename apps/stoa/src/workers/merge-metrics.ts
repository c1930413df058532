/** Pages of metrics in Prometheus' text format as one page, on which each sample tells the worker that it is of. */
export function mergeMetrics(pages: ReadonlyMap<number, string>): string {
  /** Name of a family to its HELP and TYPE lines and the samples of all workers, which have to stand together. */
  const families = new Map<string, { head: string[]; samples: string[] }>();
  for (const [worker, page] of pages) {
    let family = '';
    for (const line of page.split('\n')) {
      if (line === '') continue;
      const comment = /^# (?:HELP|TYPE) (\S+)/.exec(line);
      const name = comment?.[1] ?? family;
      if (comment === null && line.startsWith('#')) continue;
      family = name;
      let known = families.get(name);
      if (known === undefined) {
        known = { head: [], samples: [] };
        families.set(name, known);
      }
      if (comment === null) known.samples.push(labelled(line, worker));
      else if (!known.head.includes(line) && known.head.length < 2) known.head.push(line);
    }
  }
  const lines = [...families.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return `${lines.join('\n')}\n`;
}

function labelled(sample: string, worker: number): string {
  const label = `worker="${worker}"`;
  const bare = /^([^\s{]+)(\{\}|\{)?/.exec(sample) as RegExpExecArray;
  const [start, name, brace] = bare;
  const rest = sample.slice(start.length);
  return brace === '{' ? `${name}{${label},${rest}` : `${name}{${label}}${rest}`;
}
