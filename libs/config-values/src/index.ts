export { type CamelKeys, camelKeys } from './keys.ts';
export { byteSize, duration } from './quantity.ts';
