/** What of a Kubernetes manifest the checks look at. */
export interface Manifest {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  spec?: {
    selector?: { matchLabels?: Record<string, string> };
    maxUnavailable?: number;
    template?: { metadata?: { labels?: Record<string, string> }; spec?: PodSpec };
  };
}

interface PodSpec {
  terminationGracePeriodSeconds?: number;
  automountServiceAccountToken?: boolean;
  securityContext?: { runAsNonRoot?: boolean; runAsUser?: number };
  containers?: Container[];
  volumes?: { name: string }[];
}

interface Container {
  image?: string;
  env?: { name: string; value?: string }[];
  lifecycle?: { preStop?: { exec?: { command: string[] } } };
  resources?: { requests?: object; limits?: object };
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  securityContext?: {
    readOnlyRootFilesystem?: boolean;
    allowPrivilegeEscalation?: boolean;
    capabilities?: { drop?: string[] };
  };
  volumeMounts?: { name: string }[];
}

interface Probe {
  httpGet?: { path: string };
}

const COMPONENT = 'app.kubernetes.io/component';
const COMPONENTS = ['smtp', 'imap', 'store-router', 'coordinator', 'roles'];

/** What the chart promises of its pods, and these manifests do not keep; one sentence each. */
export function brokenPromises(manifests: readonly Manifest[]): string[] {
  const workloads = manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
  const config = manifests.find(({ kind }) => kind === 'ConfigMap')?.data?.['stoa.toml'] ?? '';
  const drainSeconds = Number(/drain-timeout = "(\d+)s"/.exec(config)?.[1] ?? Number.NaN);
  const there = new Set(workloads.map(({ spec }) => spec?.template?.metadata?.labels?.[COMPONENT]));
  return [
    ...COMPONENTS.filter((name) => !there.has(name)).map((name) => `${name} has no workload`),
    ...workloads.flatMap((workload) =>
      brokenBy(workload, drainSeconds).map((what) => `${workload.metadata.name}: ${what}`),
    ),
    ...budgetsWithoutPods(manifests, workloads),
  ];
}

function brokenBy({ spec }: Manifest, drainSeconds: number): string[] {
  const pod = spec?.template?.spec ?? {};
  const [container = {}] = pod.containers ?? [];
  const waitSeconds = Number(container.lifecycle?.preStop?.exec?.command[1] ?? 0);
  const volumes = new Set(pod.volumes?.map(({ name }) => name));
  // The claim of a StatefulSet.
  volumes.add('data');
  const rules: [boolean, string][] = [
    [(pod.terminationGracePeriodSeconds ?? 0) > drainSeconds + waitSeconds, 'it may be killed while it drains'],
    [container.startupProbe?.httpGet?.path === '/health/live', 'no startup probe'],
    [container.livenessProbe?.httpGet?.path === '/health/live', 'no liveness probe'],
    [container.readinessProbe?.httpGet?.path === '/health/ready', 'no readiness probe'],
    [pod.securityContext?.runAsNonRoot === true && pod.securityContext.runAsUser === 10001, 'it may run as root'],
    [container.securityContext?.readOnlyRootFilesystem === true, 'its root file system can be written'],
    [container.securityContext?.allowPrivilegeEscalation === false, 'it may gain privileges'],
    [container.securityContext?.capabilities?.drop?.includes('ALL') === true, 'it has capabilities'],
    [pod.automountServiceAccountToken === false, 'it has a token of the Kubernetes API'],
    [container.resources?.requests !== undefined && container.resources.limits !== undefined, 'no resources'],
    [container.env?.some(({ name }) => name === 'STOA_NODE__ID') === true, 'no node id'],
    [(container.volumeMounts ?? []).every(({ name }) => volumes.has(name)), 'it mounts a volume that is not there'],
  ];
  return rules.filter(([kept]) => !kept).map(([, what]) => what);
}

/** A budget whose selector matches no pod protects nothing, and nobody notices. */
function budgetsWithoutPods(manifests: readonly Manifest[], workloads: readonly Manifest[]): string[] {
  return manifests
    .filter(({ kind, spec }) => {
      if (kind !== 'PodDisruptionBudget') return false;
      const wanted = Object.entries(spec?.selector?.matchLabels ?? {});
      return !workloads.some((workload) => {
        const labels = workload.spec?.template?.metadata?.labels ?? {};
        return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
      });
    })
    .map(({ metadata }) => `${metadata.name}: the budget matches no pod`);
}
