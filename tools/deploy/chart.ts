import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokenPromises, type Manifest } from './promises.ts';
import { command, type Step } from './step.ts';
import { checkConfiguration, root } from './stoa.ts';
import { helm, manifestValidator, validatorPython } from './tools.ts';

const chart = join(root, 'deploy/helm/stoa');
/** Oldest that the chart names in its kubeVersion and can be validated, and the newest that the validator knows well. */
const KUBERNETES_VERSIONS = ['1.25', '1.33'];
/** Kinds of other programs, whose schemas Kubernetes does not have. */
const FOREIGN_KINDS = ['Certificate', 'ServiceMonitor'];

/** Values that must be refused, and the word that the refusal must have. */
const BAD_VALUES: [string, string][] = [
  ['{}', 'hostname'],
  ['{"hostname":"mail.example.org","smpt":{}}', 'smpt'],
  ['{"hostname":"mail.example.org","imap":{"replicas":"two"}}', 'replicas'],
  [
    '{"hostname":"mail.example.org","smtp":{"listeners":[{"name":"smtp","kind":"pop3","port":1,"servicePort":1}]}}',
    'kind',
  ],
];

function render(valuesFile: string, ...more: string[]): string {
  return command(helm(), ['template', 'mail', chart, '--kube-version', '1.30.0', '--values', valuesFile, ...more]);
}

/** The same documents as objects. Python's YAML parser comes with the validator. */
function parse(yaml: string): Manifest[] {
  const program = 'import json,sys,yaml; print(json.dumps([d for d in yaml.safe_load_all(open(sys.argv[1])) if d]))';
  return withFile('manifests.yaml', yaml, (path) => JSON.parse(command(validatorPython(), ['-c', program, path])));
}

function withFile<T>(name: string, text: string, work: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-chart-'));
  try {
    const path = join(folder, name);
    writeFileSync(path, text);
    return work(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every kind must have a schema, but those of other programs. */
function validate(yaml: string): void {
  for (const version of KUBERNETES_VERSIONS) {
    const report = withFile('manifests.yaml', yaml, (path) =>
      command('sh', ['-c', '"$0" "$@" 2>&1', manifestValidator(), '--strict', '--kubernetes-version', version, path]),
    );
    const unknown = report
      .split('\n')
      .filter(
        (line) =>
          line.includes("Couldn't find schema") && !FOREIGN_KINDS.some((kind) => line.includes(`kind ${kind} `)),
      );
    if (unknown.length > 0) throw new Error(`Kubernetes ${version}:\n${unknown.join('\n')}`);
  }
}

/** What a pod gets from its environment beside the file. */
function environmentOf(manifests: readonly Manifest[]): Record<string, string> {
  const containers = manifests.flatMap(({ spec }) => spec?.template?.spec?.containers ?? []);
  const variables = containers.flatMap(({ env }) => env ?? []);
  return Object.fromEntries(
    variables.map(({ name, value }) => [name, value ?? (name.endsWith('__URL') ? 'postgres://db/stoa' : 'pod-0')]),
  );
}

function stepsOf(name: string): Step[] {
  const values = join(chart, 'ci', name);
  return [
    {
      name: `helm lint: ${name}`,
      run: () => void command(helm(), ['lint', '--strict', chart, '--values', values]),
    },
    { name: `helm template, schemas of Kubernetes: ${name}`, run: () => validate(render(values)) },
    {
      name: `what the pods promise: ${name}`,
      run() {
        const broken = brokenPromises(parse(render(values)));
        if (broken.length > 0) throw new Error(broken.join('\n'));
      },
    },
    {
      name: `stoa config check: ${name}`,
      async run() {
        const manifests = parse(render(values));
        const config = manifests.find(({ kind }) => kind === 'ConfigMap')?.data?.['stoa.toml'];
        if (config === undefined) throw new Error('the chart makes no ConfigMap with stoa.toml');
        await checkConfiguration(config, environmentOf(manifests));
      },
    },
  ];
}

export const chartSteps: Step[] = [
  ...readdirSync(join(chart, 'ci')).sort().flatMap(stepsOf),
  {
    name: 'helm: wrong values are refused',
    run() {
      for (const [values, word] of BAD_VALUES) {
        const refusal = withFile('values.json', values, (path) => {
          try {
            render(path);
            return '';
          } catch (error) {
            return (error as Error).message;
          }
        });
        if (!refusal.includes(word))
          throw new Error(`${values} must be refused for "${word}", but: ${refusal || 'it is not'}`);
      }
    },
  },
];
