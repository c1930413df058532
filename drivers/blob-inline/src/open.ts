import {
  type BlobCapabilities,
  type DriverContext,
  type InnerSection,
  type OpenedDriver,
  StoaError,
} from '@stoa/plugin-sdk';
import type { Config } from './config.ts';
import { InlineBlobStore } from './store.ts';

/** The section of the store outside. */
export function innerSections({ outer }: Config): [InnerSection<'blob'>] {
  return [{ kind: 'blob', path: ['outer'], section: outer }];
}

const WIDENING: readonly BlobCapabilities['shared'][] = ['process', 'host', 'network'];

/** Rejects as the stores that it is made of do, and where it runs without a node whose data store it could use. */
export async function openStore(config: Config, { stores }: DriverContext): Promise<OpenedDriver<'blob'>> {
  if (stores === undefined) {
    throw new StoaError(
      'invalid-configuration',
      'it keeps small bodies in the data store of its node, so it cannot run in a process of its own',
    );
  }
  const [section] = innerSections(config);
  const data = await stores.own('data');
  const outer = await stores.open(section);
  const shared = [data.capabilities.shared, outer.capabilities.shared].map((each) => WIDENING.indexOf(each));
  return new InlineBlobStore(data.driver, outer.driver, config.threshold, {
    shared: WIDENING[Math.min(...shared)] ?? 'process',
    conditionalCreate: outer.capabilities.conditionalCreate,
  });
}
