import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `node --cpu-prof` writes, as far as it is needed. Times are in microseconds of the monotonic clock. */
interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

const AREAS: readonly (readonly [RegExp, string])[] = [
  [/\/@grpc\//, 'grpc-js'],
  [/\/libs\/contracts\/|\/protobufjs\/|\/@bufbuild\//, 'protobuf'],
  [/^node:internal\/http2|^node:http2/, 'http2'],
  [/^node:.*(tls|crypto)/, 'tls, crypto'],
  [/^node:.*(stream|net|dgram|stream_base_commons)/, 'streams, sockets'],
  [/^node:/, 'node, other'],
  [/\/@opentelemetry\/|\/telemetry\//, 'telemetry'],
  [/\/drivers\//, 'drivers'],
  [/\/node_modules\/(lmdb|pg|msgpackr|ordered-binary)/, 'database client'],
  [/\/libs\/service-kit\//, 'service-kit'],
  [/\/libs\/mail\//, 'libs/mail'],
  [/\/services\//, 'services'],
  [/\/node_modules\//, 'other packages'],
];

const IDLE = new Set(['(idle)', '(root)']);

function areaOf(name: string, url: string): string | undefined {
  if (IDLE.has(name)) return undefined;
  if (name === '(garbage collector)') return 'garbage collection';
  if (url === '') return 'native, system calls';
  return AREAS.find(([pattern]) => pattern.test(url))?.[1] ?? 'other';
}

/**
 * Where the profiles of a folder say that time was spent between two moments (microseconds of the monotonic clock): shares of
 * the time that was not idle, the greatest first.
 */
export function areasOf(files: readonly string[], from: number, to: number): [area: string, share: number][] {
  const spent = new Map<string, number>();
  let total = 0;
  for (const file of files) {
    const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
    const areas = new Map(
      profile.nodes.map(({ id, callFrame }) => [id, areaOf(callFrame.functionName, callFrame.url)] as const),
    );
    let at = profile.startTime;
    profile.samples.forEach((node, i) => {
      const delta = profile.timeDeltas[i] as number;
      at += delta;
      const area = areas.get(node);
      if (area === undefined || at < from || at > to) return;
      spent.set(area, (spent.get(area) ?? 0) + delta);
      total += delta;
    });
  }
  return [...spent].map(([area, us]) => [area, us / total] as [string, number]).sort((a, b) => b[1] - a[1]);
}

/** The profile that a process wrote into a folder when it ended. */
export function profileOf(folder: string, pid: number): string | undefined {
  const name = readdirSync(folder).find((file) => file.split('.')[3] === String(pid));
  return name === undefined ? undefined : join(folder, name);
}

export function describeAreas(areas: readonly [string, number][], most = 6): string {
  return areas
    .slice(0, most)
    .map(([area, share]) => `${area} ${Math.round(share * 100)}%`)
    .join(', ');
}
