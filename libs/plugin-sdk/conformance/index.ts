export { blobStoreSuite } from './blob-store.ts';
export { busSuite } from './bus.ts';
export { dataStoreSuite } from './data-store.ts';
export type { HostOptions } from './host.ts';
export { memoryStoreSuite } from './memory-store.ts';
export { searchStoreSuite } from './search-store.ts';
export type { CrashOptions, SuiteOptions, TestApi } from './suite.ts';
export {
  type VerifyOptions,
  type VerifyReport,
  type VerifyReporter,
  type VerifyResult,
  verifyDriver,
} from './verify.ts';
