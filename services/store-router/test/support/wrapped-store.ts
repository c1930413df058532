import type { CallOptions, DataCommit, DataEntry, DataStore, Key, KeyRange, ScanOptions } from '@stoa/plugin-sdk';

/** A data store behind which a test looks or interferes; by default everything is passed on. */
export class WrappedStore implements DataStore {
  readonly inner: DataStore;
  gets = 0;
  scans = 0;
  commits = 0;

  constructor(inner: DataStore) {
    this.inner = inner;
  }

  get(keys: readonly Key[], options?: CallOptions): Promise<(Uint8Array | undefined)[]> {
    this.gets++;
    return this.inner.get(keys, options);
  }

  scan(range: KeyRange, options?: ScanOptions): AsyncIterable<DataEntry[]> {
    this.scans++;
    return this.inner.scan(range, options);
  }

  commit(commit: DataCommit, options?: CallOptions): Promise<void> {
    this.commits++;
    return this.inner.commit(commit, options);
  }

  check(): Promise<void> {
    return this.inner.check();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
