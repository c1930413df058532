export * from './gen/stoa/roles/v1/roles.ts';
