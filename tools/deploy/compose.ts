import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { command, type Step } from './step.ts';
import { checkConfiguration, inTemporaryFolder, root, STOA } from './stoa.ts';
import { composeLinter, dockerCompose } from './tools.ts';

const folder = join(root, 'deploy/compose');
const file = join(folder, 'compose.yaml');

interface ComposeService {
  image?: string;
  command?: string[];
  environment?: Record<string, string>;
  stop_grace_period?: string;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
}

function resolved(): Record<string, ComposeService> {
  const [program, ...args] = dockerCompose();
  const output = command(program, [...args, '--file', file, '--profile', '*', 'config', '--format', 'json']);
  return (JSON.parse(output) as { services: Record<string, ComposeService> }).services;
}

/** What Compose itself does not mind, and this file promises. */
function brokenPromises(services: Record<string, ComposeService>): string[] {
  const drainSeconds = Number(/drain-timeout = "(\d+)s"/.exec(readFileSync(join(folder, 'stoa.toml'), 'utf8'))?.[1]);
  return Object.entries(services).flatMap(([name, service]) => {
    const broken: string[] = [];
    if (!/:[^:/]*\d[^:/]*$/.test(service.image ?? '')) broken.push(`${name}: its image has no version`);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      if (condition === 'service_healthy' && services[other]?.healthcheck?.test === undefined) {
        broken.push(`${name}: waits for the health of ${other}, which has no check`);
      }
    }
    if (service.command?.[0] === 'start' && secondsOf(service.stop_grace_period) <= drainSeconds) {
      broken.push(`${name}: it may be killed while it drains`);
    }
    return broken;
  });
}

/** Of Go's notation, such as "1m30s". */
function secondsOf(duration = ''): number {
  const [, minutes = 0, seconds = 0] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration) ?? [];
  return 60 * Number(minutes) + Number(seconds);
}

/** Runs the one-shot job with a `stoa` from the sources; Compose does the same in the image. */
function makeCertificates(): Promise<void> {
  return inTemporaryFolder((temporary) => {
    const [authority, pki, bin] = ['authority', 'pki', 'bin'].map((name) => join(temporary, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [pki, bin]) mkdirSync(path);
    const quoted = STOA.map((part) => `'${part}'`).join(' ');
    writeFileSync(join(bin, 'stoa'), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
    const environment = {
      AUTHORITY: authority,
      PKI: pki,
      NODES: '1 2',
      PATH: `${bin}${delimiter}${process.env['PATH']}`,
    };
    const made = () => command('sh', [join(folder, 'certificates.sh')], { environment });
    made();
    const before = readFileSync(join(pki, 'node-1.pem'), 'utf8');
    made();
    if (readFileSync(join(pki, 'node-1.pem'), 'utf8') !== before)
      throw new Error('a second run makes other certificates');
    for (const name of ['ca.pem', 'secret', 'node-1.pem', 'node-2-key.pem', 'mail.pem', 'mail-key.pem']) {
      if (!existsSync(join(pki, name))) throw new Error(`${name} was not made`);
    }
    if (existsSync(join(pki, 'ca-key.pem')))
      throw new Error('the key of the authority is among the files of the nodes');
  });
}

export const composeSteps: Step[] = [
  {
    name: 'dclint: compose.yaml',
    run: () =>
      void command(composeLinter(), ['--config', join(folder, '.dclintrc.json'), '--max-warnings', '0', file], {
        cwd: root,
      }),
  },
  {
    name: 'docker compose config',
    run() {
      const broken = brokenPromises(resolved());
      if (broken.length > 0) throw new Error(broken.join('\n'));
    },
  },
  {
    name: 'stoa config check: every container of compose.yaml',
    async run() {
      const toml = readFileSync(join(folder, 'stoa.toml'), 'utf8');
      const seen = new Set<string>();
      for (const { environment } of Object.values(resolved())) {
        const text = JSON.stringify(environment ?? {});
        if (environment?.['STOA_NODE__ID'] === undefined || seen.has(text)) continue;
        seen.add(text);
        const { node } = await checkConfiguration(toml, environment);
        if (node !== environment['STOA_NODE__ID']) throw new Error(`the node is called ${node}`);
      }
      if (seen.size === 0) throw new Error('no container runs Stoa');
    },
  },
  { name: 'certificates.sh', run: makeCertificates },
];
