import { type storage, whole } from '@stoa/contracts';
import { countNumbers, eachNumber } from '@stoa/mail';
import { decodeMessageRow } from '../account/rows.ts';
import { AccountKeys, lastNumber } from '../keys.ts';
import { checkedSet, type MailContext } from './context.ts';

const BATCH_BYTES = 256 * 1024;
const BATCH_ROWS = 256;
/** Ranges longer than this are scanned, shorter ones are read by key: a range may name many UIDs that do not exist. */
const SCAN_FROM = 64;

/**
 * Message rows are written once and never changed, so that they need no guard: a row that is there is right. One that was
 * just expunged may or may not be there.
 */
export async function* fetchMessages(
  context: MailContext,
  request: storage.FetchMessagesRequest,
  signal: AbortSignal,
): AsyncGenerator<storage.FetchMessagesResponse> {
  const keys = new AccountKeys(request.accountId);
  let messages: storage.MessageRecord[] = [];
  let bytes = 0;
  for await (const some of rows(context, keys, request, signal)) {
    for (const { uid, value } of some) {
      const { blobId, size, internalDate, saveDate, structure } = decodeMessageRow(value);
      messages.push({ uid, blobId, size, internalDate, saveDate, structure });
      bytes += value.length;
      if (bytes >= BATCH_BYTES || messages.length === BATCH_ROWS) {
        yield whole<storage.FetchMessagesResponse>({ messages });
        messages = [];
        bytes = 0;
      }
    }
  }
  if (messages.length > 0) yield whole<storage.FetchMessagesResponse>({ messages });
}

interface Row {
  uid: number;
  value: Uint8Array;
}

/** Rows in groups as the store gives them: a step of an asynchronous loop for each row would cost as much as the row. */
async function* rows(
  context: MailContext,
  keys: AccountKeys,
  { mailboxId, uids: set }: storage.FetchMessagesRequest,
  signal: AbortSignal,
): AsyncGenerator<Row[]> {
  const { store } = context.accounts;
  const uids = checkedSet(set);
  let few: number[] = [];
  const single = async (): Promise<Row[]> => {
    const found = await store.get(
      few.map((uid) => keys.message(mailboxId, uid)),
      { signal },
    );
    const there: Row[] = [];
    for (let i = 0; i < few.length; i++) {
      const value = found[i];
      if (value !== undefined) there.push({ uid: few[i]!, value });
    }
    few = [];
    return there;
  };
  for (let i = 0; i < uids.length; i += 2) {
    const range = [uids[i]!, uids[i + 1]!];
    if (countNumbers(range) < SCAN_FROM) {
      for (const uid of eachNumber(range)) few.push(uid);
      if (few.length >= BATCH_ROWS) yield await single();
      continue;
    }
    if (few.length > 0) yield await single();
    for await (const entries of store.scan(keys.messages(mailboxId, range[0], range[1]), { signal })) {
      yield entries.map(({ key, value }) => ({ uid: lastNumber(key), value }));
    }
  }
  if (few.length > 0) yield await single();
}
