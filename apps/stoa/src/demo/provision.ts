import type { Client, storage } from '@stoa/contracts';
import { hasCode } from '@stoa/plugin-sdk';
import { DEMO } from './config.ts';

/** Makes the demo's domain and accounts where they are missing. */
export async function provisionDemo(directory: Client<typeof storage.DirectoryServiceDefinition>): Promise<void> {
  const unlessThere = (error: unknown) => {
    if (!hasCode(error, 'already-exists')) throw error;
  };
  await directory.createDomain({ name: DEMO.domain }).catch(unlessThere);
  for (const address of DEMO.accounts)
    await directory.createAccount({ address, password: DEMO.password }).catch(unlessThere);
}
