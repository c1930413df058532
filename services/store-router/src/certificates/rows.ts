import { BinaryReader, BinaryWriter } from '../account/binary.ts';
import { type Range, successor, TABLE } from '../keys.ts';

const VERSION = 1;

/** A certificate that every node serves. */
export interface CertificateRow {
  names: readonly string[];
  /** SHA-256 of the first certificate, hexadecimal. */
  fingerprint: string;
  /** Milliseconds since 1970-01-01 UTC. */
  notBefore: number;
  notAfter: number;
  issuer: string;
  storedAt: number;
  source: string;
  /** PEM. */
  chain: string;
  sealedKey: Uint8Array;
}

export function certificateKey(id: string): Buffer {
  return Buffer.concat([Buffer.of(TABLE.certificate), Buffer.from(id, 'hex')]);
}

export function certificates(): Range {
  const start = Buffer.of(TABLE.certificate);
  return { start, end: successor(start) };
}

export function encodeCertificate(row: CertificateRow): Uint8Array {
  return new BinaryWriter()
    .number(VERSION)
    .strings(row.names)
    .bytes(Buffer.from(row.fingerprint, 'hex'))
    .number(row.notBefore)
    .number(row.notAfter)
    .string(row.issuer)
    .number(row.storedAt)
    .string(row.source)
    .string(row.chain)
    .bytes(row.sealedKey)
    .finish();
}

export function decodeCertificate(bytes: Uint8Array): CertificateRow {
  const reader = new BinaryReader(bytes, 'certificate');
  reader.version(VERSION);
  return {
    names: reader.strings(),
    fingerprint: reader.bytes().toString('hex'),
    notBefore: reader.number(),
    notAfter: reader.number(),
    issuer: reader.string(),
    storedAt: reader.number(),
    source: reader.string(),
    chain: reader.string(),
    sealedKey: Uint8Array.from(reader.bytes()),
  };
}
