import { DEMO } from './config.ts';

/** What the demo prints when it is ready: where it listens, and the first mail. */
export function welcome(addresses: Readonly<Record<string, string>>, folder: string): string {
  const [alice, bob] = DEMO.accounts;
  const port = (name: string) => (addresses[name] ?? '').split(':').at(-1) ?? '';
  const host = (name: string) => (addresses[name] ?? '').replace(/:\d+$/, '');
  const listeners = Object.entries(addresses)
    .map(([name, address]) => `  ${name.padEnd(12)} ${address}`)
    .join('\n');
  return `
Stoa is ready.

${listeners}

  DEMO: accounts ${alice} and ${bob} with the password "${DEMO.password}", which everybody knows.
  Everything listens on loopback only. Do not open these ports to a network.
  Mail is kept in ${folder}

Send a first mail:
  swaks --server ${host('smtp')} --port ${port('smtp')} --from ${bob} --to ${alice} --header "Subject: Hello"
or
  printf 'From: ${bob}\\nTo: ${alice}\\nSubject: Hello\\n\\nHi Alice\\n' | curl -s --crlf smtp://${addresses['smtp']} \\
    --mail-from ${bob} --mail-rcpt ${alice} -T -

Read it:
  curl -s -u ${alice}:${DEMO.password} "imap://${addresses['imap']}/INBOX;MAILINDEX=1"
or set up a mail client: IMAP ${host('imap')} port ${port('imap')} (STARTTLS) or ${port('imaps')} (TLS),
  submission ${host('submission')} port ${port('submission')} (STARTTLS), user name ${alice}.

Ctrl-C stops it.
`;
}
