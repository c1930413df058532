import { type EhloKeyword, ehloReply, SASL_MECHANISMS, smtpReply } from '@stoa/mail';
import { BAD_SEQUENCE } from '../replies.ts';
import type { Session } from '../session.ts';
import { type Outcome, reply } from './handler.ts';

function keywordsOf(session: Session): EhloKeyword[] {
  const { config } = session.context;
  return [
    { keyword: 'PIPELINING' },
    { keyword: 'SIZE', parameters: [String(config['max-message-size'])] },
    { keyword: '8BITMIME' },
    { keyword: 'SMTPUTF8' },
    { keyword: 'ENHANCEDSTATUSCODES' },
    { keyword: 'DSN' },
    { keyword: 'CHUNKING' },
    ...(session.offersTls ? [{ keyword: 'STARTTLS' }] : []),
    ...(session.offersAuth ? [{ keyword: 'AUTH', parameters: [...SASL_MECHANISMS] }] : []),
  ];
}

/** EHLO, HELO (RFC 5321 section 4.1.1.1) and LHLO (RFC 2033 section 4.1). LMTP has LHLO and nothing else. */
export function ehlo(session: Session, { verb, name }: { verb: 'EHLO' | 'HELO' | 'LHLO'; name: string }): Outcome {
  if (session.isLmtp !== (verb === 'LHLO')) {
    return reply(BAD_SEQUENCE(session.isLmtp ? 'This is LMTP; say LHLO' : 'This is SMTP; say EHLO'));
  }
  session.greeting = { verb, name };
  session.reset();
  const { hostname } = session.context.node;
  return reply(verb === 'HELO' ? smtpReply(250, undefined, hostname) : ehloReply(hostname, '', keywordsOf(session)));
}
