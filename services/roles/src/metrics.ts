import { metrics } from '@opentelemetry/api';

/** Figures of the roles. */
export function createMetrics() {
  const meter = metrics.getMeter('@stoa/service-roles');
  return {
    runs: meter.createCounter('role_runs', { description: 'Runs of roles, by result: "done" or an error code.' }),
    duration: meter.createHistogram('role_run_duration', {
      unit: 's',
      description: 'Time that runs of roles take.',
      advice: { explicitBucketBoundaries: [0.01, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 7200] },
    }),
    owned: meter.createUpDownCounter('role_leases_held', { description: 'Shards of roles that this node owns.' }),
    lost: meter.createCounter('role_leases_lost', { description: 'Leases of roles that were lost, not given back.' }),
  };
}

export type RolesMetrics = ReturnType<typeof createMetrics>;
