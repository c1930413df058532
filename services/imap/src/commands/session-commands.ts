import { ByteWriter, writeId, writeNamespace } from '@stoa/mail';
import { capabilities } from '../capability.ts';
import { bad, no, ok } from '../errors.ts';
import type { Handler } from './handler.ts';

/** CAPABILITY (RFC 9051 section 6.1.1). */
export const capability: Handler<'CAPABILITY'> = {
  when: 'any',
  run(session) {
    session.writer.write(`* CAPABILITY ${capabilities(session)}\r\n`);
    return ok('CAPABILITY completed');
  },
};

/** NOOP (RFC 9051 section 6.1.2). What changed is told with every command; for this one it is read first. */
export const noop: Handler<'NOOP'> = {
  when: 'any',
  async run(session) {
    await session.selected?.feed.sync();
    return ok('NOOP completed');
  },
};

/** CHECK (RFC 3501 section 6.4.1). */
export const check: Handler<'CHECK'> = {
  when: 'selected',
  async run(session) {
    await session.selected?.feed.sync();
    return ok('CHECK completed');
  },
};

/** LOGOUT (RFC 9051 section 6.1.3). */
export const logout: Handler<'LOGOUT'> = {
  when: 'any',
  run(session, _command, exchange) {
    session.writer.write('* BYE Goodbye\r\n');
    exchange.logOut();
    return ok('LOGOUT completed');
  },
};

/** ID (RFC 2971). */
export const id: Handler<'ID'> = {
  when: 'any',
  run(session) {
    const writer = new ByteWriter();
    writeId(writer, [['name', 'Stoa']]);
    session.writer.write(writer.take());
    return ok('ID completed');
  },
};

/** NAMESPACE (RFC 2342). */
export const namespace: Handler<'NAMESPACE'> = {
  when: 'authenticated',
  run(session) {
    const writer = new ByteWriter();
    writeNamespace(writer);
    session.writer.write(writer.take());
    return ok('NAMESPACE completed');
  },
};

/** STARTTLS (RFC 9051 section 6.2.1). */
export const starttls: Handler<'STARTTLS'> = {
  when: 'not-authenticated',
  run(session, _command, exchange) {
    if (session.tls) return bad('TLS is on already');
    if (!session.offersTls) return no('TLS is not offered here');
    exchange.startTls();
    return ok('Begin TLS negotiation now');
  },
};

/** ENABLE (RFC 5161). */
export const enable: Handler<'ENABLE'> = {
  when: 'authenticated',
  run(session, { capabilities: wanted }, exchange) {
    const { options } = session;
    const enabled: string[] = [];
    for (const name of wanted) {
      if (name === 'CONDSTORE') options.condstore = true;
      else if (name === 'QRESYNC') {
        options.qresync = true;
        options.condstore = true;
      } else if (name === 'IMAP4REV2') {
        options.rev2 = true;
        options.utf8 = true;
        exchange.readUtf8();
      } else continue;
      enabled.push(name === 'IMAP4REV2' ? 'IMAP4rev2' : name);
    }
    session.writer.write(`* ENABLED${enabled.map((name) => ` ${name}`).join('')}\r\n`);
    return ok('ENABLE completed');
  },
};

/** IDLE (RFC 2177). */
export const idle: Handler<'IDLE'> = {
  when: 'authenticated',
  async run(_session, _command, exchange) {
    return (await exchange.idle()) ? ok('IDLE completed') : bad('Expected DONE');
  },
};
