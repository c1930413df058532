import { createSaslExchange, encodeSaslBase64, parseSaslResponse, ENHANCED_STATUS as S, smtpReply } from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import { BAD_SEQUENCE, replyOfError } from '../replies.ts';
import type { Session } from '../session.ts';
import { type Handler, type Outcome, reply } from './handler.ts';

const MALFORMED = reply(smtpReply(501, S.badSyntax, 'Malformed authentication response'));

/** AUTH (RFC 4954 section 4). */
export const auth: Handler<'AUTH'> = async (session, { mechanism, initial }, exchange) => {
  if (!session.isSubmission) return reply(smtpReply(502, S.badCommand, 'Command not implemented'));
  if (session.greeting?.verb !== 'EHLO') return reply(BAD_SEQUENCE('Say EHLO first'));
  if (session.account !== undefined) return reply(BAD_SEQUENCE('Authenticated already'));
  if (session.transaction !== undefined) return reply(BAD_SEQUENCE('Not within a transaction'));
  if (!session.offersAuth) return reply(smtpReply(538, S.encryptionRequired, 'Encryption required; start TLS first'));
  const sasl = createSaslExchange(mechanism);
  if (sasl === undefined) return reply(smtpReply(504, S.badArguments, 'Unknown authentication mechanism'));
  let step = sasl.step(initial);
  while (step.type === 'challenge') {
    const line = await exchange.challenge(encodeSaslBase64(step.challenge));
    if (line === undefined) return MALFORMED;
    const response = parseSaslResponse(line);
    if (response.type === 'cancel') return reply(smtpReply(501, S.policy, 'Authentication cancelled'));
    if (response.type === 'malformed') return MALFORMED;
    step = sasl.step(response.data);
  }
  if (step.type === 'malformed') return MALFORMED;
  const { authzid, authcid, password } = step.credentials;
  if (authzid !== '' && authzid !== authcid)
    return reply(smtpReply(535, S.badCredentials, 'Authentication credentials invalid'));
  return logIn(session, authcid, password);
};

async function logIn(session: Session, username: string, password: string): Promise<Outcome> {
  const { context, remoteAddress } = session;
  try {
    const { accountId, address, credentialVersion } = await context.directory.authenticate({
      username,
      password,
      remoteAddress,
      protocol: 'submission',
    });
    if (!context.accounts.accepts(accountId, credentialVersion)) {
      throw new StoaError('unauthenticated', 'the credentials changed during the login');
    }
    session.account = { id: accountId, address, credentialVersion };
    return reply(smtpReply(235, S.authenticated, 'Authenticated'));
  } catch (error) {
    session.errors += 1;
    return reply(replyOfError(error));
  }
}
