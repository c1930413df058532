import { BinaryReader, BinaryWriter } from '../account/binary.ts';

const VERSION = 1;

/** A domain that this cluster has mail for. */
export interface DomainRow {
  createdAt: number;
  /** The domain is being deleted: no account or alias is made in it any more. */
  closing: boolean;
}

export interface AccountRow {
  accountId: string;
  /** As `auth/password.ts` makes it; empty: no password fits. */
  passwordHash: string;
  /** Grows with every change of the credentials. */
  credentialVersion: number;
  disabled: boolean;
  createdAt: number;
}

export function encodeDomain({ createdAt, closing }: DomainRow): Uint8Array {
  return new BinaryWriter()
    .number(VERSION)
    .number(createdAt)
    .number(closing ? 1 : 0)
    .finish();
}

export function decodeDomain(bytes: Uint8Array): DomainRow {
  const reader = new BinaryReader(bytes, 'domain');
  reader.version(VERSION);
  const createdAt = reader.number();
  return { createdAt, closing: reader.number() === 1 };
}

export function encodeAccount(row: AccountRow): Uint8Array {
  return new BinaryWriter()
    .number(VERSION)
    .string(row.accountId)
    .string(row.passwordHash)
    .number(row.credentialVersion)
    .number(row.disabled ? 1 : 0)
    .number(row.createdAt)
    .finish();
}

export function decodeAccount(bytes: Uint8Array): AccountRow {
  const reader = new BinaryReader(bytes, 'account');
  reader.version(VERSION);
  return {
    accountId: reader.string(),
    passwordHash: reader.string(),
    credentialVersion: reader.number(),
    disabled: reader.number() === 1,
    createdAt: reader.number(),
  };
}

/** Addresses that an alias leads to. */
export function encodeAlias(targets: readonly string[]): Uint8Array {
  return new BinaryWriter().number(VERSION).strings(targets).finish();
}

export function decodeAlias(bytes: Uint8Array): string[] {
  const reader = new BinaryReader(bytes, 'alias');
  reader.version(VERSION);
  return reader.strings();
}
