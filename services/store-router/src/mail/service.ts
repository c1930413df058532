import type { Implementation, storage } from '@stoa/contracts';
import { appendMessage } from './append-message.ts';
import type { MailContext } from './context.ts';
import { copyMessages } from './copy-messages.ts';
import { createMailbox } from './create-mailbox.ts';
import { deleteMailbox } from './delete-mailbox.ts';
import { deliver } from './deliver.ts';
import { expungeMessages } from './expunge-messages.ts';
import { fetchMessages } from './fetch-messages.ts';
import { getQuota } from './get-quota.ts';
import { listMailboxes } from './list-mailboxes.ts';
import { openMailbox } from './open-mailbox.ts';
import { renameMailbox } from './rename-mailbox.ts';
import { searchText } from './search-text.ts';
import { setSubscription } from './set-subscription.ts';
import { storeFlags } from './store-flags.ts';
import { syncMailbox } from './sync-mailbox.ts';

/** MailService: each call in its own file. */
export function mailService(context: MailContext): Implementation<typeof storage.MailServiceDefinition> {
  return {
    listMailboxes: (request) => listMailboxes(context, request),
    createMailbox: (request, { signal }) => createMailbox(context, request, signal),
    deleteMailbox: (request, { signal }) => deleteMailbox(context, request, signal),
    renameMailbox: (request, { signal }) => renameMailbox(context, request, signal),
    setSubscription: (request, { signal }) => setSubscription(context, request, signal),
    openMailbox: (request, { signal }) => openMailbox(context, request, signal),
    syncMailbox: (request) => syncMailbox(context, request),
    fetchMessages: (request, { signal }) => fetchMessages(context, request, signal),
    storeFlags: (request, { signal }) => storeFlags(context, request, signal),
    copyMessages: (request, { signal }) => copyMessages(context, request, signal),
    expungeMessages: (request, { signal }) => expungeMessages(context, request, signal),
    appendMessage: (requests, { signal }) => appendMessage(context, requests, signal),
    deliver: (requests, { signal }) => deliver(context, requests, signal),
    getQuota: (request) => getQuota(context, request),
    searchText: (request, { signal }) => searchText(context, request, signal),
  };
}
