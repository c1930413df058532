import type { storage } from '@stoa/contracts';
import { includesNumber, keywordNumbers, type MailboxSnapshot } from '@stoa/mail';

/** A message of the reference model. */
export interface ModelMessage {
  uid: number;
  modseq: number;
  flags: number;
  keywords: string[];
  body: string;
}

export interface ModelMailbox {
  uidNext: number;
  highestModseq: number;
  messages: ModelMessage[];
}

export type ModelOperation =
  | { kind: 'deliver'; mailbox: string; body: string }
  | {
      kind: 'flags';
      mailbox: string;
      uids: number[];
      mode: 'add' | 'remove' | 'replace';
      flags: number;
      keywords: string[];
      unchangedSince: number | undefined;
    }
  | { kind: 'copy'; mailbox: string; uids: number[]; to: string; move: boolean }
  | { kind: 'expunge'; mailbox: string; uids: number[] | undefined };

export interface ModelResult {
  /** UIDs of new messages. */
  uids: number[];
  modified: number[];
}

/** The mailbox model in its simplest form: arrays, and one operation after the other. */
export class ReferenceModel {
  readonly mailboxes = new Map<string, ModelMailbox>();

  mailbox(name: string): ModelMailbox {
    let mailbox = this.mailboxes.get(name);
    if (mailbox === undefined) {
      mailbox = { uidNext: 1, highestModseq: 1, messages: [] };
      this.mailboxes.set(name, mailbox);
    }
    return mailbox;
  }

  #add(name: string, message: Omit<ModelMessage, 'uid' | 'modseq'>, modseq: number): number {
    const mailbox = this.mailbox(name);
    const uid = mailbox.uidNext++;
    mailbox.messages.push({ ...message, uid, modseq });
    mailbox.highestModseq = modseq;
    return uid;
  }

  apply(operation: ModelOperation, modseq: number): ModelResult {
    const mailbox = this.mailbox(operation.mailbox);
    const result: ModelResult = { uids: [], modified: [] };
    switch (operation.kind) {
      case 'deliver': {
        const message = { flags: 0, keywords: [], body: operation.body };
        result.uids.push(this.#add(operation.mailbox, message, modseq));
        break;
      }
      case 'flags':
        for (const message of mailbox.messages) {
          if (!includesNumber(operation.uids, message.uid)) continue;
          if (operation.unchangedSince !== undefined && message.modseq > operation.unchangedSince) {
            result.modified.push(message.uid);
          } else if (setFlags(message, operation)) {
            message.modseq = modseq;
            mailbox.highestModseq = modseq;
          }
        }
        break;
      case 'copy': {
        const chosen = mailbox.messages.filter(({ uid }) => includesNumber(operation.uids, uid));
        if (operation.move && chosen.length > 0) {
          mailbox.messages = mailbox.messages.filter((message) => !chosen.includes(message));
          mailbox.highestModseq = modseq;
        }
        for (const message of chosen) {
          result.uids.push(this.#add(operation.to, { ...message, keywords: [...message.keywords] }, modseq));
        }
        break;
      }
      case 'expunge': {
        const gone = (message: ModelMessage) =>
          (message.flags & 8) !== 0 && (operation.uids === undefined || includesNumber(operation.uids, message.uid));
        if (mailbox.messages.some(gone)) mailbox.highestModseq = modseq;
        mailbox.messages = mailbox.messages.filter((message) => !gone(message));
      }
    }
    return result;
  }
}

function setFlags(
  message: ModelMessage,
  { mode, flags, keywords }: { mode: 'add' | 'remove' | 'replace'; flags: number; keywords: string[] },
): boolean {
  const before = JSON.stringify([message.flags, message.keywords]);
  if (mode === 'add') {
    message.flags |= flags;
    message.keywords = [...new Set([...message.keywords, ...keywords])].sort();
  } else if (mode === 'remove') {
    message.flags &= ~flags;
    message.keywords = message.keywords.filter((keyword) => !keywords.includes(keyword));
  } else {
    message.flags = flags;
    message.keywords = [...new Set(keywords)].sort();
  }
  return JSON.stringify([message.flags, message.keywords]) !== before;
}

/** What a session sees, in the form of the model; bodies are left out. */
export function shownMessages(snapshot: MailboxSnapshot, state: storage.MailboxState): Omit<ModelMessage, 'body'>[] {
  return snapshot.chunks.flatMap((chunk) =>
    Array.from(chunk.uids, (uid, i) => ({
      uid,
      modseq: chunk.modseqs[i]!,
      flags: chunk.flags[i]! & 31,
      keywords: keywordNumbers(chunk.flags[i]!, chunk.keywordsHigh[i]!)
        .map((number) => state.keywords[number]!)
        .sort(),
    })),
  );
}
