import type { ImapCommandName } from '@stoa/mail';
import { append } from './append.ts';
import { copy } from './copy.ts';
import { expunge } from './expunge.ts';
import type { Handler } from './handler.ts';
import { list, lsub } from './list.ts';
import { authenticate, login } from './login.ts';
import { create, remove, rename, subscribe } from './mailboxes.ts';
import { fetch, search } from './messages.ts';
import { close, select, unselect } from './select.ts';
import { capability, check, enable, id, idle, logout, namespace, noop, starttls } from './session-commands.ts';
import { status } from './status.ts';
import { store } from './store.ts';

/** Every command there is. */
export const COMMANDS: { readonly [N in ImapCommandName]: Handler<N> } = {
  APPEND: append,
  AUTHENTICATE: authenticate,
  CAPABILITY: capability,
  CHECK: check,
  CLOSE: close,
  COPY: copy,
  CREATE: create,
  DELETE: remove,
  ENABLE: enable,
  EXAMINE: select,
  EXPUNGE: expunge,
  FETCH: fetch,
  ID: id,
  IDLE: idle,
  LIST: list,
  LOGIN: login,
  LOGOUT: logout,
  LSUB: lsub,
  MOVE: copy,
  NAMESPACE: namespace,
  NOOP: noop,
  RENAME: rename,
  SEARCH: search,
  SELECT: select,
  STARTTLS: starttls,
  STATUS: status,
  STORE: store,
  SUBSCRIBE: subscribe,
  UNSELECT: unselect,
  UNSUBSCRIBE: subscribe,
};

export type * from './handler.ts';
