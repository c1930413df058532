/** The walls of the house (docs/architecture.md, "Rules that the build enforces"). */
export default {
  forbidden: [
    {
      name: 'service-imports-service',
      comment: 'Services speak through contracts only.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'driver-imported-by-name',
      comment: 'Drivers are found by the loader, from the configuration.',
      severity: 'error',
      from: { pathNot: '^(drivers/([^/]+)/|bench/)' },
      to: { path: '^drivers/' },
    },
    {
      name: 'driver-imports-core',
      comment:
        'A driver needs what a stranger has: the plugin SDK, and packages from npm, among them libs/redis and libs/config-values.',
      severity: 'error',
      from: { path: '^drivers/([^/]+)/', pathNot: '(\\.test(-support)?\\.ts$|^drivers/[^/]+/test/)' },
      to: { path: '^(services|apps|libs|drivers)/', pathNot: '^(libs/(plugin-sdk|redis|config-values)/|drivers/$1/)' },
    },
    {
      name: 'driver-test-imports-core',
      comment: 'Tests of drivers also start real servers.',
      severity: 'error',
      from: { path: '^drivers/([^/]+)/.*(\\.test(-support)?\\.ts$|/test/)' },
      to: {
        path: '^(services|apps|libs|drivers)/',
        pathNot: '^(libs/(plugin-sdk|redis|config-values|test-servers)/|drivers/$1/)',
      },
    },
    {
      name: 'mail-does-no-io',
      comment: 'libs/mail is pure knowledge: no I/O, no dependency.',
      severity: 'error',
      from: { path: '^libs/mail/src/', pathNot: '\\.test(-support)?\\.ts$' },
      to: {
        path: '^(node:)?(fs|net|tls|http|https|dgram|dns|child_process|worker_threads|cluster|readline|stream)(/|$)|^(libs|services|drivers|apps)/',
        pathNot: '^libs/mail/',
      },
    },
    {
      name: 'mail-needs-no-package',
      severity: 'error',
      from: { path: '^libs/mail/src/', pathNot: '\\.test(-support)?\\.ts$' },
      to: { path: 'node_modules' },
    },
    {
      name: 'sdk-stands-alone',
      comment: 'Strangers build on the SDK: inside, it may need libs/mail only.',
      severity: 'error',
      from: { path: '^libs/plugin-sdk/(src|conformance)/' },
      to: { path: '^(libs|services|drivers|apps)/', pathNot: '^libs/(plugin-sdk|mail)/' },
    },
    {
      name: 'contracts-below-kit',
      severity: 'error',
      from: { path: '^libs/contracts/' },
      to: { path: '^(libs|services|drivers|apps)/', pathNot: '^libs/(contracts|plugin-sdk)/' },
    },
    {
      name: 'libs-below-services',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(services|apps|e2e|bench)/' },
    },
    {
      name: 'services-below-apps',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^(apps|e2e|bench)/' },
    },
    {
      name: 'telemetry-sdk-only-in-kit',
      comment: 'Code imports @opentelemetry/api; service-kit alone sets up the SDK.',
      severity: 'error',
      from: { pathNot: '^(libs/service-kit/src/telemetry/|e2e/)' },
      to: { path: 'node_modules/@opentelemetry/', pathNot: 'node_modules/@opentelemetry/api/' },
    },
    {
      name: 'no-cycle',
      severity: 'error',
      from: { pathNot: '/gen/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { pathNot: '/templates/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(/dist/|/gen/|/templates/)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['stoa-source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
