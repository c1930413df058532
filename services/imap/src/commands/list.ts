import { ByteWriter, ListPattern, type ListResponse, type StatusItem, writeList, writeStatus } from '@stoa/mail';
import { ok } from '../errors.ts';
import { mailboxTree, matchesAny, type TreeNode } from '../mailbox-tree.ts';
import type { Session } from '../session.ts';
import type { Completion } from '../session-types.ts';
import { accountOf, type CommandNamed, type Handler } from './handler.ts';
import { statusValues } from './status.ts';

type List = CommandNamed<'LIST'>;

async function tree(session: Session): Promise<TreeNode[]> {
  const accountId = accountOf(session);
  return mailboxTree(await session.mail.listMailboxes({ accountId }, { routeKey: accountId }));
}

async function runList(session: Session, command: List): Promise<Completion> {
  const { writer, options } = session;
  const out = new ByteWriter();
  if (!command.extended && command.patterns[0] === '') {
    // Asks for the separator alone (RFC 9051 section 6.3.9).
    writer.write('* LIST (\\Noselect) "/" ""\r\n');
    return ok('LIST completed');
  }
  const patterns = command.patterns
    .filter((pattern) => pattern !== '')
    .map((pattern) => new ListPattern(pattern, command.reference));
  for (const node of await tree(session)) {
    const response = responseFor(node, command, patterns, options.rev2);
    if (response === undefined) continue;
    writeList(out, response, options.utf8);
    if (command.return.status !== undefined && node.state !== undefined) {
      await writeStatusOf(session, out, node, command.return.status);
    }
    if (out.length > 32_768) {
      writer.write(out.take());
      out.reset();
      if (writer.full) await writer.drain();
    }
  }
  writer.write(out.take());
  return ok('LIST completed');
}

async function writeStatusOf(
  session: Session,
  out: ByteWriter,
  node: TreeNode,
  items: readonly StatusItem[],
): Promise<void> {
  if (node.state === undefined) return;
  writeStatus(out, node.name, await statusValues(session, node.state, items), session.options.utf8);
}

/** Selection options first, then what is returned (RFC 5258 section 3). */
function responseFor(
  node: TreeNode,
  { select, return: wanted, extended }: List,
  patterns: readonly ListPattern[],
  rev2: boolean,
): ListResponse | undefined {
  if (!matchesAny(patterns, node.name)) return undefined;
  const isSpecial = (node.state?.specialUse.length ?? 0) > 0;
  const selectedItself = (!select.subscribed || node.subscribed) && (!select.specialUse || isSpecial);
  const childInfo: string[] = [];
  if (select.recursiveMatch && select.subscribed && node.hasSubscribedBelow) childInfo.push('SUBSCRIBED');
  if (!selectedItself && childInfo.length === 0) return undefined;
  // Without selection options only what exists is listed, and levels above it.
  if (!select.subscribed && node.state === undefined && !node.hasChildren) return undefined;
  const attributes: string[] = [];
  if (node.state === undefined) attributes.push(extended || rev2 ? '\\NonExistent' : '\\Noselect');
  attributes.push(node.hasChildren ? '\\HasChildren' : '\\HasNoChildren');
  if (node.subscribed && (wanted.subscribed || select.subscribed)) attributes.push('\\Subscribed');
  attributes.push(...(node.state?.specialUse ?? []));
  return { name: node.name, attributes, childInfo };
}

/** LIST (RFC 9051 section 6.3.9; RFC 5258, 5819, 6154). */
export const list: Handler<'LIST'> = { when: 'authenticated', run: runList };

/**
 * LSUB (RFC 3501 section 6.3.9): names subscribed to. A name above one that `%` stops at is shown with \Noselect.
 */
export const lsub: Handler<'LSUB'> = {
  when: 'authenticated',
  async run(session, { reference, pattern }) {
    const out = new ByteWriter();
    const patterns = [new ListPattern(pattern, reference)];
    for (const node of await tree(session)) {
      const above = pattern.endsWith('%') && node.hasSubscribedBelow;
      if ((!node.subscribed && !above) || !matchesAny(patterns, node.name)) continue;
      const attributes = node.subscribed ? [] : ['\\Noselect'];
      writeList(out, { name: node.name, attributes }, session.options.utf8, 'LSUB');
    }
    session.writer.write(out.take());
    return ok('LSUB completed');
  },
};
