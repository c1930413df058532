import { describe, expect, it } from 'vitest';
import { brokenPromises, type Manifest } from './promises.ts';

const COMPONENT = 'app.kubernetes.io/component';

function workload(component: string, grace = 50): Manifest {
  const probe = (page: string) => ({ httpGet: { path: `/health/${page}` } });
  return {
    kind: 'Deployment',
    metadata: { name: component },
    spec: {
      template: {
        metadata: { labels: { [COMPONENT]: component } },
        spec: {
          terminationGracePeriodSeconds: grace,
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, runAsUser: 10001 },
          volumes: [{ name: 'config' }],
          containers: [
            {
              env: [{ name: 'STOA_NODE__ID' }],
              lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
              resources: { requests: {}, limits: {} },
              startupProbe: probe('live'),
              livenessProbe: probe('live'),
              readinessProbe: probe('ready'),
              securityContext: {
                readOnlyRootFilesystem: true,
                allowPrivilegeEscalation: false,
                capabilities: { drop: ['ALL'] },
              },
              volumeMounts: [{ name: 'config' }],
            },
          ],
        },
      },
    },
  };
}

const config: Manifest = {
  kind: 'ConfigMap',
  metadata: { name: 'stoa' },
  data: { 'stoa.toml': '[node]\ndrain-timeout = "30s"\n' },
};

const whole = () => [config, ...['smtp', 'imap', 'store-router', 'coordinator', 'roles'].map((name) => workload(name))];

describe('promises of the chart', () => {
  it('hold where all is there', () => {
    expect(brokenPromises(whole())).toEqual([]);
  });

  it('want time for the wait before the stop and for the drain', () => {
    expect(brokenPromises([...whole(), workload('smtp', 35)])).toEqual(['smtp: it may be killed while it drains']);
    expect(brokenPromises(whole().slice(1))).toHaveLength(5);
  });

  it('want every service', () => {
    expect(brokenPromises(whole().slice(0, -1))).toEqual(['roles has no workload']);
  });

  it('want pods without rights, with probes, and with the volumes that they mount', () => {
    const bare = workload('imap');
    const pod = bare.spec?.template?.spec;
    if (pod === undefined) throw new Error('no pod');
    pod.containers = [{ volumeMounts: [{ name: 'elsewhere' }] }];
    expect(brokenPromises([...whole(), bare]).map((line) => line.slice('imap: '.length))).toEqual([
      'no startup probe',
      'no liveness probe',
      'no readiness probe',
      'its root file system can be written',
      'it may gain privileges',
      'it has capabilities',
      'no resources',
      'no node id',
      'it mounts a volume that is not there',
    ]);
  });

  it('want budgets that match pods', () => {
    const budget = (component: string): Manifest => ({
      kind: 'PodDisruptionBudget',
      metadata: { name: component },
      spec: { selector: { matchLabels: { [COMPONENT]: component } } },
    });
    expect(brokenPromises([...whole(), budget('smtp'), budget('smpt')])).toEqual(['smpt: the budget matches no pod']);
  });
});
