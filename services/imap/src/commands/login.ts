import { createSaslExchange, encodeSaslBase64, parseSaslResponse } from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import { capabilities } from '../capability.ts';
import { bad, completionOfError, no, ok } from '../errors.ts';
import type { Session } from '../session.ts';
import type { Completion } from '../session-types.ts';
import type { Exchange, Handler } from './handler.ts';

const MAX_RESPONSE_OCTETS = 12_288;

async function logIn(session: Session, username: string, password: string, exchange: Exchange): Promise<Completion> {
  const { context, remoteAddress } = session;
  try {
    const { accountId, address, credentialVersion } = await context.directory.authenticate({
      username,
      password,
      remoteAddress,
      protocol: 'imap',
    });
    if (!context.accounts.accepts(accountId, credentialVersion)) {
      throw new StoaError('unauthenticated', 'the credentials changed during the login');
    }
    session.logIn({ id: accountId, address, credentialVersion });
  } catch (error) {
    return completionOfError(error);
  }
  exchange.authenticated();
  return ok('Logged in', `CAPABILITY ${capabilities(session)}`);
}

const REFUSED = no('Encryption required; start TLS first', 'PRIVACYREQUIRED');

/** LOGIN (RFC 9051 section 6.2.3). */
export const login: Handler<'LOGIN'> = {
  when: 'not-authenticated',
  run: (session, { user, password }, exchange) =>
    session.offersLogin ? logIn(session, user, password, exchange) : REFUSED,
};

/** AUTHENTICATE (RFC 9051 section 6.2.2) with PLAIN (RFC 4616). */
export const authenticate: Handler<'AUTHENTICATE'> = {
  when: 'not-authenticated',
  async run(session, { mechanism, initialResponse }, exchange) {
    if (!session.offersLogin) return REFUSED;
    const sasl = mechanism === 'PLAIN' ? createSaslExchange(mechanism) : undefined;
    if (sasl === undefined) return no('Unknown authentication mechanism');
    let step = sasl.step(initialResponse);
    while (step.type === 'challenge') {
      const line = await exchange.ask(encodeSaslBase64(step.challenge), MAX_RESPONSE_OCTETS);
      if (line === undefined) return bad('Response too long');
      const response = parseSaslResponse(line);
      if (response.type === 'cancel') return bad('Authentication cancelled');
      if (response.type === 'malformed') return bad('Malformed authentication response');
      step = sasl.step(response.data);
    }
    if (step.type === 'malformed') return bad('Malformed authentication response');
    const { authzid, authcid, password } = step.credentials;
    if (authzid !== '' && authzid !== authcid) return no('Authentication failed', 'AUTHORIZATIONFAILED');
    return logIn(session, authcid, password, exchange);
  },
};
