export { newAccountId } from './account-id.ts';
export type { AccountStore, AccountUsage, CommitParts } from './account-store.ts';
export { Accounts, type AccountsOptions } from './accounts.ts';
