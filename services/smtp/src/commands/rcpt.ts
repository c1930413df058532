import { storage } from '@stoa/contracts';
import {
  encodeXtext,
  formatAddress,
  type RcptParameters,
  ENHANCED_STATUS as S,
  type SmtpReply,
  smtpReply,
} from '@stoa/mail';
import { BAD_SEQUENCE, replyOfError } from '../replies.ts';
import type { Session } from '../session.ts';
import { type Handler, reply } from './handler.ts';

const { ResolveRecipientResponse_Kind: Kind } = storage;
const NOTIFY_BITS = { SUCCESS: 1, FAILURE: 2, DELAY: 4, NEVER: 8 } as const;

const ACCEPTED = smtpReply(250, S.recipientOk, 'Ok');

/** RCPT (RFC 5321 section 4.1.1.3): the recipient is looked up now, so that the sender learns at once of one that is not. */
export const rcpt: Handler<'RCPT'> = async (session, { recipient, parameters }) => {
  const { context, transaction } = session;
  if (transaction === undefined) return reply(BAD_SEQUENCE('Send MAIL first'));
  if (transaction.recipients.length >= context.config['max-recipients']) {
    return reply(smtpReply(452, S.tempTooManyRecipients, 'Too many recipients'));
  }
  // The bare Postmaster is ours (RFC 5321 section 4.5.1); the directory knows whose.
  const address = formatAddress(recipient);
  try {
    const resolved = await context.directory.resolveRecipient({ address });
    const refusal = refusalOf(session, resolved);
    if (refusal !== undefined) return reply(refusal);
    const targets = resolved.kind === Kind.KIND_REMOTE ? [{ accountId: '', address, mailbox: '' }] : resolved.targets;
    transaction.recipients.push({
      address,
      targets: targets.map((target) => toRecipient(address, target, parameters)),
    });
    return reply(ACCEPTED);
  } catch (error) {
    context.logger.warn({ error }, 'a recipient could not be looked up');
    return reply(replyOfError(error));
  }
};

function refusalOf(session: Session, { kind, targets }: storage.ResolveRecipientResponse): SmtpReply | undefined {
  if (kind === Kind.KIND_UNKNOWN) return smtpReply(550, S.badMailbox, 'No such mailbox');
  if (kind === Kind.KIND_REMOTE)
    return session.isSubmission ? undefined : smtpReply(550, S.notAuthorized, 'Relaying denied');
  // One target that can take the mail is enough; what becomes of the others, the sender is told later.
  if (targets.every((target) => target.disabled)) return smtpReply(550, S.mailboxDisabled, 'The mailbox is disabled');
  if (targets.every((target) => target.overQuota || target.disabled))
    return smtpReply(452, S.tempMailboxFull, 'The mailbox is full');
  return undefined;
}

type Target = Pick<storage.ResolveRecipientResponse_Target, 'accountId' | 'address' | 'mailbox'>;

function toRecipient(address: string, target: Target, { notify, orcpt }: RcptParameters): storage.DeliveryRecipient {
  return {
    address,
    accountId: target.accountId,
    mailbox: target.mailbox,
    originalRecipient: orcpt === undefined ? '' : `${orcpt.type};${encodeXtext(orcpt.address)}`,
    notify: (notify ?? []).reduce((bits, condition) => bits | NOTIFY_BITS[condition], 0),
    finalAddress: target.address === address ? '' : target.address,
  };
}
