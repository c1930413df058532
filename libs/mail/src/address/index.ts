export * from './address.ts';
export * from './canonical.ts';
export * from './domain.ts';
export * from './format.ts';
export { parseAddress } from './parse.ts';
