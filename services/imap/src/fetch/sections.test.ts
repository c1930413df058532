import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandOf, FakeStore } from '../../test/support/fake-store.ts';
import { runFetch } from './index.ts';

/** A part as it is written: its header with the blank line, its body, and the values of the sections within it. */
interface Written {
  kind: 'text' | 'multipart' | 'message';
  header: string;
  body: string;
  children: readonly Written[];
}

const LETTERS = ['a', 'b', '\r\n', '-', ' ', '\xe9', 'x: y\r\n', '\r\n\r\n'];
const text = fc.array(fc.constantFrom(...LETTERS), { maxLength: 12 }).map((parts) => parts.join(''));
const extra = fc.constantFrom('', 'X-One: 1\r\n', 'x-two: a\r\n b\r\n', 'X-One: 1\r\nX-One: 2\r\n');

let boundaries = 0;

const { part } = fc.letrec<{ part: Written }>((tie) => ({
  part: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(extra, text).map(([fields, body]): Written => {
      return { kind: 'text', header: `Content-Type: text/plain\r\n${fields}\r\n`, body, children: [] };
    }),
    fc.tuple(extra, fc.array(tie('part'), { minLength: 1, maxLength: 3 })).map(([fields, children]): Written => {
      boundaries += 1;
      const line = `=${boundaries}=`;
      const parts = children.map(({ header, body }) => `--${line}\r\n${header}${body}\r\n`).join('');
      const header = `Content-Type: multipart/mixed; boundary="${line}"\r\n${fields}\r\n`;
      return { kind: 'multipart', header, body: `${parts}--${line}--\r\n`, children };
    }),
    fc.tuple(extra, tie('part')).map(([fields, message]): Written => {
      const header = `Content-Type: message/rfc822\r\n${fields}\r\n`;
      return { kind: 'message', header, body: message.header + message.body, children: [message] };
    }),
  ),
}));

/** Every section of a message and what it holds. */
function sectionsOf(message: Written): Map<string, string> {
  const sections = new Map<string, string>();
  const addFields = (prefix: string, header: string) => {
    const fields = header.slice(0, -2).split(/(?<=\r\n)(?! )/);
    const one = fields.filter((field) => /^x-one:/i.test(field));
    sections.set(`${prefix}HEADER.FIELDS (X-ONE)`, `${one.join('')}\r\n`);
    const others = fields.filter((field) => !/^(x-one|x-two):/i.test(field));
    sections.set(`${prefix}HEADER.FIELDS.NOT (X-ONE x-two)`, `${others.join('')}\r\n`);
  };
  const addMessage = (prefix: string, { header, body }: Written) => {
    sections.set(`${prefix}HEADER`, header);
    sections.set(`${prefix}TEXT`, body);
    addFields(prefix, header);
  };
  const addPart = (number: string, one: Written) => {
    sections.set(number, one.body);
    sections.set(`${number}.MIME`, one.header);
    if (one.kind === 'multipart') addNumbered(`${number}.`, one);
    const [inner] = one.children;
    if (one.kind !== 'message' || inner === undefined) return;
    addMessage(`${number}.`, inner);
    addNumbered(`${number}.`, inner);
  };
  const addNumbered = (prefix: string, one: Written) => {
    if (one.kind === 'multipart')
      for (const [index, child] of one.children.entries()) addPart(`${prefix}${index + 1}`, child);
    else addPart(`${prefix}1`, one);
  };
  sections.set('', message.header + message.body);
  addMessage('', message);
  addNumbered('', message);
  return sections;
}

const wish = fc.record({
  pick: fc.nat(),
  partial: fc.option(fc.record({ offset: fc.nat(60), length: fc.integer({ min: 1, max: 60 }) }), { nil: undefined }),
});

describe('BODY[section]', () => {
  it('is a slice of the message, whatever the section and however the body comes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 4 }),
        fc.array(wish, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (messages, wishes, pieces, together) => {
          const store = new FakeStore(
            messages.map(({ header, body }, index) => ({ uid: index + 3, raw: Buffer.from(header + body, 'latin1') })),
          );
          store.pieces = pieces;
          store.together = together;
          const [first] = messages;
          const names = [...sectionsOf(first as Written).keys()];
          const items = wishes.map(({ pick, partial }) => ({ name: names[pick % names.length] as string, partial }));
          const asked = items.map(({ name, partial }) =>
            partial === undefined ? `BODY.PEEK[${name}]` : `BODY.PEEK[${name}]<${partial.offset}.${partial.length}>`,
          );
          const expected = messages.map((message, index) => {
            const sections = sectionsOf(message);
            const values = items.map(({ name, partial }) => {
              const all = sections.get(name);
              const shown = partial === undefined ? all : all?.slice(partial.offset, partial.offset + partial.length);
              const literal = shown === '' && !name.includes('FIELDS') ? '""' : `{${shown?.length}}\r\n${shown}`;
              const value = all === undefined ? 'NIL' : literal;
              return `BODY[${name}]${partial === undefined ? '' : `<${partial.offset}>`} ${value}`;
            });
            return `* ${index + 1} FETCH (${values.join(' ')})\r\n`;
          });
          const session = store.session();
          const command = commandOf('FETCH', `FETCH 1:* (${asked.join(' ')})`);
          await runFetch(session, session.selected, command);
          expect(session.writer.take()).toBe(expected.join(''));
        },
      ),
      { numRuns: 400 },
    );
  });
});
