import type { SmtpVerb } from '@stoa/mail';
import { auth } from './auth.ts';
import { bdat, data } from './data.ts';
import { ehlo } from './ehlo.ts';
import type { Handler } from './handler.ts';
import { mail } from './mail.ts';
import { rcpt } from './rcpt.ts';
import { expn, help, noop, quit, rset, vrfy } from './simple.ts';
import { starttls } from './starttls.ts';

/** Every command there is. */
export const COMMANDS: { readonly [V in SmtpVerb]: Handler<V> } = {
  EHLO: ehlo,
  HELO: ehlo,
  LHLO: ehlo,
  MAIL: mail,
  RCPT: rcpt,
  DATA: data,
  BDAT: bdat,
  RSET: rset,
  NOOP: noop,
  QUIT: quit,
  VRFY: vrfy,
  EXPN: expn,
  HELP: help,
  STARTTLS: starttls,
  AUTH: auth,
};

export type * from './handler.ts';
