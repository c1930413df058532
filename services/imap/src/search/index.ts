import type { SearchCommand } from '@stoa/mail';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { CommandContext, Completion } from '../session-types.ts';
export async function runSearch(_c: CommandContext, _s: SelectedMailbox, _k: SearchCommand): Promise<Completion> {
  return { condition: 'NO', text: 'x' };
}
