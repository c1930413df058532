import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from 'nats';

type KeyPair = ReturnType<typeof nkeys.createUser>;

const url = (octets: Uint8Array | string) => Buffer.from(octets).toString('base64url');

/** A JWT as NATS has them: signed by the nkey of who issues it. */
function sign(issuer: KeyPair, subject: string, nats: object): string {
  const header = url(JSON.stringify({ typ: 'JWT', alg: 'ed25519-nkey' }));
  const iat = Math.floor(Date.now() / 1000);
  const claims = { jti: subject, iat, iss: issuer.getPublicKey(), name: 'stoa-test', sub: subject, nats };
  const signed = `${header}.${url(JSON.stringify({ ...claims, nats: { ...nats, version: 2 } }))}`;
  return `${signed}.${url(issuer.sign(Buffer.from(signed)))}`;
}

const UNLIMITED = { subs: -1, conn: -1, leaf: -1, imports: -1, exports: -1, data: -1, payload: -1, wildcards: true };

/** The file of a server that trusts an operator, and the credentials file of a user of its one account. */
export function writeOperatorFiles(folder: string): { conf: string; creds: string } {
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const accountKey = account.getPublicKey();
  const operatorJwt = sign(operator, operator.getPublicKey(), { type: 'operator' });
  const accountJwt = sign(operator, accountKey, { type: 'account', limits: UNLIMITED });
  const userJwt = sign(account, user.getPublicKey(), { type: 'user', subs: -1, data: -1, payload: -1 });
  const conf = join(folder, 'operator.conf');
  const preload = `resolver: MEMORY\nresolver_preload: { ${accountKey}: ${accountJwt} }\n`;
  writeFileSync(conf, `operator: ${operatorJwt}\n${preload}`);
  const creds = join(folder, 'stoa.creds');
  const block = (name: string, text: string) => `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n\n`;
  const seed = Buffer.from(user.getSeed()).toString();
  writeFileSync(creds, block('NATS USER JWT', userJwt) + block('USER NKEY SEED', seed));
  return { conf, creds };
}
