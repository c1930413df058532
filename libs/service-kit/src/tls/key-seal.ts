import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { StoaError } from '@stoa/plugin-sdk';

/**
 * A sealed private key: version (1), salt of 16 octets, nonce of 12 octets, the key's PEM in AES-256-GCM, tag of 16 octets.
 * The key of the cipher is HKDF-SHA-256 of the cluster's secret with the salt. The fingerprint of the certificate is
 * authenticated with it, so that no key can be put under another certificate.
 */
const VERSION = 1;
const SALT = 16;
const NONCE = 12;
const TAG = 16;
const INFO = 'stoa certificate key';

/** A secret of less would be guessed. Octets. */
const MIN_SECRET = 32;

/** What the private keys of a cluster are sealed with. It never shows itself. */
export class ClusterSecret {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    if (bytes.length < MIN_SECRET) {
      throw new StoaError('invalid-configuration', `a secret of the cluster has at least ${MIN_SECRET} octets`);
    }
    this.#bytes = Buffer.from(bytes);
  }

  /** The text of a file, without white space at its ends. Throws `invalid-configuration`. */
  static read(file: string): ClusterSecret {
    try {
      return new ClusterSecret(Buffer.from(readFileSync(file, 'utf8').trim(), 'utf8'));
    } catch (error) {
      throw new StoaError('invalid-configuration', `cluster.secret-file: ${file}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Text of a new secret: 43 characters with 256 random bits. */
  static generate(): string {
    return randomBytes(32).toString('base64url');
  }

  seal(key: string | Uint8Array, fingerprint: string): Uint8Array {
    const salt = randomBytes(SALT);
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', this.#derive(salt), nonce);
    cipher.setAAD(Buffer.from(fingerprint));
    const sealed = Buffer.concat([cipher.update(key), cipher.final()]);
    return Buffer.concat([Buffer.of(VERSION), salt, nonce, sealed, cipher.getAuthTag()]);
  }

  /** Rejects what another secret sealed, what belongs to another certificate, and what was changed. */
  open(sealed: Uint8Array, fingerprint: string): Buffer {
    const bytes = Buffer.from(sealed);
    if (bytes[0] !== VERSION || bytes.length < 1 + SALT + NONCE + TAG) {
      throw new StoaError('unsupported-version', 'a sealed key of a form that this program does not know');
    }
    const salt = bytes.subarray(1, 1 + SALT);
    const nonce = bytes.subarray(1 + SALT, 1 + SALT + NONCE);
    const decipher = createDecipheriv('aes-256-gcm', this.#derive(salt), nonce, { authTagLength: TAG });
    decipher.setAAD(Buffer.from(fingerprint));
    decipher.setAuthTag(bytes.subarray(-TAG));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(1 + SALT + NONCE, -TAG)), decipher.final()]);
    } catch (error) {
      throw new StoaError('permission-denied', 'the key was sealed with another secret, or for another certificate', {
        cause: error,
      });
    }
  }

  #derive(salt: Uint8Array): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#bytes, salt, INFO, 32));
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
