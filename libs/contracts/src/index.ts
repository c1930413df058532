export * as coordinator from './coordinator.ts';
export * as plugin from './plugin.ts';
export * as roles from './roles.ts';
export * from './rpc.ts';
export * as storage from './storage.ts';
