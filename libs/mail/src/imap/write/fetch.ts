import { formatInternalDate } from '../date.ts';
import type { FetchBinary, FetchBinarySize, FetchSection, Section } from '../fetch-item.ts';
import type { ByteWriter } from './byte-writer.ts';

/** `(\Seen \Answered $Junk)` */
export function writeFlags(writer: ByteWriter, flags: readonly string[]): void {
  writer.byte(0x28).raw(flags.join(' ')).byte(0x29);
}

/** `"17-Jul-1996 02:44:25 -0700"`; `zone` in minutes east of UTC. */
export function writeInternalDate(writer: ByteWriter, seconds: number, zone = 0): void {
  writer.byte(0x22).raw(formatInternalDate(seconds, zone)).byte(0x22);
}

/**
 * The name under which FETCH returns a section: `BODY[1.MIME]`, `BODY[]<0>`, `BINARY[2]<10>`, `BINARY.SIZE[2]`. PEEK
 * and the length of a partial are not part of it.
 */
export function writeFetchName(writer: ByteWriter, item: FetchSection | FetchBinary | FetchBinarySize): void {
  switch (item.type) {
    case 'BODY[]':
      writer.raw('BODY[');
      writeSection(writer, item.section);
      break;
    case 'BINARY[]':
      writer.raw('BINARY[').raw(item.part.join('.'));
      break;
    case 'BINARY.SIZE[]':
      writer.raw('BINARY.SIZE[').raw(item.part.join('.')).byte(0x5d);
      return;
  }
  writer.byte(0x5d);
  if (item.partial !== undefined) writer.raw(`<${item.partial.offset}>`);
}

/** What stands between the brackets. */
export function writeSection(writer: ByteWriter, section: Section): void {
  writer.raw(section.part.join('.'));
  if (section.text === undefined) return;
  if (section.part.length > 0) writer.byte(0x2e);
  writer.raw(section.text);
  if (section.fields.length === 0) return;
  writer.raw(' (');
  for (let i = 0; i < section.fields.length; i++) {
    if (i > 0) writer.byte(0x20);
    // Field names are ASCII; what else a client asked for goes back as the octets it sent.
    writer.astring(Buffer.from(section.fields[i]!, 'utf8').toString('latin1'));
  }
  writer.byte(0x29);
}

/** `~{n}` in front of BINARY content that has NUL, `{n}` else (RFC 3516 section 4.2); the caller sends the octets. */
export function writeLiteralHeader(writer: ByteWriter, size: number, hasNul = false): void {
  if (hasNul) writer.byte(0x7e);
  writer.literalHeader(size);
}
