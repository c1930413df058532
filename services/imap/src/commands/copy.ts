import { copyUidCode, eachNumber } from '@stoa/mail';
import { hasCode } from '@stoa/plugin-sdk';
import { no, ok } from '../errors.ts';
import { type Handler, selectedOf } from './handler.ts';

const COPY_TIMEOUT_MS = 120_000;

/** COPY and MOVE (RFC 9051 section 6.4.7 and 6.4.8), with COPYUID (RFC 4315). */
export const copy: Handler<'COPY' | 'MOVE'> = {
  when: 'selected',
  async run(session, { name, uid, set, mailbox }) {
    const selected = selectedOf(session);
    const move = name === 'MOVE';
    if (move && selected.readOnly) return no('The mailbox is read-only', 'READ-ONLY');
    const uids = selected.resolve(set, uid);
    if (uids.length === 0) return ok(`${name} completed`);
    const { accountId, mailboxId, knownModseq } = selected;
    try {
      const copied = await session.mail.copyMessages(
        { accountId, mailboxId, uids: { bounds: uids }, toMailbox: mailbox, move, knownModseq },
        { routeKey: accountId, timeoutMs: COPY_TIMEOUT_MS },
      );
      const from = copied.fromUids?.bounds ?? [];
      const code =
        from.length === 0
          ? undefined
          : copyUidCode(copied.toUidValidity, eachNumber(from), eachNumber(copied.toUids?.bounds ?? []));
      if (move) {
        // Before the EXPUNGEs, so that the client knows where the messages went (RFC 6851 section 4.3).
        if (code !== undefined) session.writer.write(`* OK [${code}] Moved\r\n`);
        await selected.apply(copied.delta);
        return ok('MOVE completed');
      }
      return ok('COPY completed', code);
    } catch (error) {
      if (hasCode(error, 'not-found')) return no('No such mailbox', 'TRYCREATE');
      throw error;
    }
  },
};
