import type { storage } from '@stoa/contracts';
import { HIERARCHY_SEPARATOR, type ListPattern, parentNames } from '@stoa/mail';

/** A name that LIST may show: a mailbox, a subscription, or a level above one. */
export interface TreeNode {
  name: string;
  state: storage.MailboxState | undefined;
  subscribed: boolean;
  hasChildren: boolean;
  /** A name below it is subscribed to. */
  hasSubscribedBelow: boolean;
  hasSpecialBelow: boolean;
}

/** All names of an account, in the order in which LIST shows them: INBOX first, then by name. */
export function mailboxTree({ mailboxes, subscriptions }: storage.ListMailboxesResponse): TreeNode[] {
  const nodes = new Map<string, TreeNode>();
  const node = (name: string): TreeNode => {
    let found = nodes.get(name);
    if (found === undefined) {
      found = {
        name,
        state: undefined,
        subscribed: false,
        hasChildren: false,
        hasSubscribedBelow: false,
        hasSpecialBelow: false,
      };
      nodes.set(name, found);
    }
    return found;
  };
  for (const state of mailboxes) {
    node(state.name).state = state;
    for (const parent of parentNames(state.name)) {
      const above = node(parent);
      above.hasChildren = true;
      if (state.specialUse.length > 0) above.hasSpecialBelow = true;
    }
  }
  for (const name of subscriptions) {
    node(name).subscribed = true;
    for (const parent of parentNames(name)) node(parent).hasSubscribedBelow = true;
  }
  const inbox = (name: string) => name === 'INBOX' || name.startsWith(`INBOX${HIERARCHY_SEPARATOR}`);
  return [...nodes.values()].sort((a, b) => {
    if (inbox(a.name) !== inbox(b.name)) return inbox(a.name) ? -1 : 1;
    return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  });
}

export function matchesAny(patterns: readonly ListPattern[], name: string): boolean {
  return patterns.some((pattern) => pattern.matches(name));
}
