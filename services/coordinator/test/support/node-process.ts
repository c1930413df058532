import { createInterface } from 'node:readline';
import type { BusPlace } from './real-bus.ts';
import { realNode } from './real-node.ts';
import { domainChanged } from './test-node.ts';

/**
 * A node in a process of its own: node-process.ts '{"place":…,"id":…,"host":…}'. It writes a line of JSON for the start, and
 * for each event and gap, and when it is not a member any more; a line of its input is a domain to publish, and the end of the input stops it.
 */
const { place, id, host } = JSON.parse(process.argv[2] ?? '{}') as { place: BusPlace; id: string; host: string };
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const node = realNode(place, id, { host });
try {
  await node.hub.start();
} catch (error) {
  say({ failed: (error as Error).message });
  process.exit(1);
}
void (async () => {
  for await (const { item } of node.hub.subscribe('test', [], new AbortController().signal)) {
    if (item?.$case === 'gap') say({ gap: item.value.reason });
    if (item?.$case !== 'delivery') continue;
    for (const { kind } of item.value.events ?? []) {
      if (kind?.$case === 'domainChanged') say({ domain: kind.value?.domain });
    }
  }
})();
say({ started: id });
const looking = setInterval(() => {
  node.hub.check().catch((error: Error) => {
    clearInterval(looking);
    say({ expelled: error.message });
  });
}, 100);
for await (const domain of createInterface({ input: process.stdin })) {
  await node.hub.publish([domainChanged(domain)]).catch((error: Error) => say({ unpublished: error.message }));
}
clearInterval(looking);
await node.stop();
