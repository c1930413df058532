import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { issueCertificate } from '../certificates/issue.ts';

export const DEMO = {
  domain: 'example.test',
  accounts: ['alice@example.test', 'bob@example.test'],
  password: 'stoa-demo',
} as const;

/** Folder of the demo, below the current one, unless STOA_NODE__DATA_DIRECTORY names another. */
const DEMO_FOLDER = 'data';

/** The demo's configuration: everything on loopback, embedded stores, a certificate of its own making. */
export async function demoConfig(environment: NodeJS.ProcessEnv): Promise<string> {
  const folder = resolve(environment['STOA_NODE__DATA_DIRECTORY'] ?? DEMO_FOLDER);
  const cert = join(folder, 'demo-cert.pem');
  const key = join(folder, 'demo-key.pem');
  if (!existsSync(cert) || !existsSync(key)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const issued = await issueCertificate({
      name: 'localhost',
      hosts: ['localhost', '127.0.0.1', `mail.${DEMO.domain}`],
      days: 825,
    });
    writeFileSync(key, issued.key, { mode: 0o600 });
    writeFileSync(cert, issued.cert);
  }
  return `
[node]
hostname = "mail.${DEMO.domain}"
data-directory = ${JSON.stringify(folder)}

[telemetry]
log-level = "warn"

[http]
listen = "127.0.0.1:2080"

[cluster]
listen = "127.0.0.1:2070"

[tls]
certificates = [{ cert = ${JSON.stringify(cert)}, key = ${JSON.stringify(key)} }]

[smtp]
[[smtp.listeners]]
name = "smtp"
kind = "smtp"
listen = "127.0.0.1:2525"
[[smtp.listeners]]
name = "submission"
kind = "submission"
listen = "127.0.0.1:2587"
[[smtp.listeners]]
name = "lmtp"
kind = "lmtp"
listen = "127.0.0.1:2424"

[imap]
[[imap.listeners]]
name = "imap"
listen = "127.0.0.1:2143"
tls = "starttls"
[[imap.listeners]]
name = "imaps"
listen = "127.0.0.1:2993"
tls = "implicit"
`;
}
