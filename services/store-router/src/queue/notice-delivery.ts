import { storage } from '@stoa/contracts';
import type { BlobStore } from '@stoa/plugin-sdk';
import { blobKey } from '../body/blob-key.ts';
import { wireAddress } from '../directory/address.ts';
import type { Directory } from '../directory/directory.ts';
import type { MailContext } from '../mail/context.ts';
import { deliver } from '../mail/deliver.ts';

/** A message that is held whole, delivered as one that comes in. */
export async function deliverMessage(
  mail: MailContext,
  envelope: storage.DeliveryEnvelope,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<readonly storage.DeliverResponse_Result[]> {
  const requests = (async function* () {
    yield { part: { $case: 'envelope' as const, value: envelope } };
    yield { part: { $case: 'data' as const, value: message } };
  })();
  return (await deliver(mail, requests, signal)).results;
}

/** Who gets a notice to an address: accounts here, or the queue. Undefined where it is ours and nobody has it. */
export async function noticeRecipients(
  directory: Directory,
  address: string,
): Promise<storage.DeliveryRecipient[] | undefined> {
  const recipient = (fields: Partial<storage.DeliveryRecipient>) =>
    storage.DeliveryRecipient.fromPartial({ address, ...fields });
  const { kind, local, remote } = await directory.resolve(address);
  if (kind === 'unknown') return undefined;
  if (kind === 'remote') return [recipient({})];
  return [
    ...local
      .filter(({ account }) => !account.disabled)
      .map(({ account, mailbox }) => recipient({ accountId: account.accountId, mailbox })),
    ...remote.map((outside) => recipient({ finalAddress: wireAddress(outside) })),
  ];
}

/** The first octets of a body, up to `end`. */
export async function readBeginning(
  blobs: BlobStore,
  blobId: Uint8Array,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.get(blobKey(blobId), { end, signal })) chunks.push(chunk);
  return Buffer.concat(chunks);
}
