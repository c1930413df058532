import { formatMailDate } from '../mime/date-time.ts';
import type { DsnAction, DsnRecipient, DsnReport } from './dsn.ts';
import { singleLine } from './header-text.ts';

const OPENINGS: Record<DsnAction, string> = {
  failed: 'Your message could not be delivered to:',
  delayed: 'Your message could not be delivered yet, and will be tried again, to:',
  delivered: 'Your message was delivered to:',
  relayed: 'Your message was passed on to a server that sends no such notices, for:',
  expanded: 'Your message was delivered to the list:',
};

const ORDER: readonly DsnAction[] = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'];

/** Longer replies are shown whole in the machine's part only. */
const MAX_DIAGNOSTIC = 400;

/** The part of a report for people. */
export function explanation(report: DsnReport): string {
  const lines = [`This is the mail system at ${report.reportingMta}.`, ''];
  for (const action of ORDER) {
    const recipients = report.recipients.filter((one) => one.action === action);
    if (recipients.length === 0) continue;
    lines.push(OPENINGS[action], '');
    for (const one of recipients) lines.push(...recipientLines(one));
    lines.push('');
  }
  if (report.recipients.some((one) => one.action === 'delayed')) {
    lines.push('You do not need to send the message again.', '');
  }
  lines.push(
    report.original.isWhole ? 'The message is attached below.' : "The message's header is attached below.",
    '',
  );
  return lines.join('\r\n');
}

function recipientLines(one: DsnRecipient): string[] {
  const lines = [`  <${singleLine(one.recipient)}>`];
  if (one.diagnostic !== undefined) {
    const from = one.remoteMta === undefined ? '' : `${singleLine(one.remoteMta)} said: `;
    lines.push(`    ${from}${singleLine(one.diagnostic.text).slice(0, MAX_DIAGNOSTIC)}`);
  }
  if (one.action === 'delayed' && one.retryUntilMs !== undefined) {
    lines.push(`    It will be tried until ${formatMailDate(one.retryUntilMs)}.`);
  }
  return lines;
}
