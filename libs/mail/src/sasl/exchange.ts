import { parseSaslPlain, type SaslCredentials, saslText } from './plain.ts';

export type SaslStep =
  | { readonly type: 'challenge'; readonly challenge: Buffer }
  | { readonly type: 'credentials'; readonly credentials: SaslCredentials }
  /** What the client sent is not of the mechanism: 501 5.5.2 in SMTP, BAD in IMAP. */
  | { readonly type: 'malformed' };

/** The server's side of a mechanism. */
export interface SaslExchange {
  /**
   * Takes the client's decoded response and says what comes next. First call: the initial response, or undefined where
   * the command had none. Never call it after a step that was no challenge.
   */
  step(response: Uint8Array | undefined): SaslStep;
}

export const SASL_MECHANISMS = ['PLAIN', 'LOGIN'] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

/** Starts an exchange; undefined for a mechanism not known here. `mechanism` in any case. */
export function createSaslExchange(mechanism: string): SaslExchange | undefined {
  switch (mechanism.toUpperCase()) {
    case 'PLAIN':
      return new PlainExchange();
    case 'LOGIN':
      return new LoginExchange();
    default:
      return undefined;
  }
}

const MALFORMED: SaslStep = { type: 'malformed' };

/** RFC 4616: one message, asked for with an empty challenge. */
export class PlainExchange implements SaslExchange {
  step(response: Uint8Array | undefined): SaslStep {
    if (response === undefined) return { type: 'challenge', challenge: Buffer.alloc(0) };
    const credentials = parseSaslPlain(response);
    return credentials === undefined ? MALFORMED : { type: 'credentials', credentials };
  }
}

/** LOGIN (draft-murchison-sasl-login): user name, then password; an initial response is the user name. */
export class LoginExchange implements SaslExchange {
  #asked = false;
  #user: string | undefined;

  step(response: Uint8Array | undefined): SaslStep {
    if (response === undefined) {
      if (this.#asked) return MALFORMED;
      this.#asked = true;
      return { type: 'challenge', challenge: Buffer.from('Username:') };
    }
    const text = saslText(response);
    if (!text) return MALFORMED;
    if (this.#user === undefined) {
      this.#asked = true;
      this.#user = text;
      return { type: 'challenge', challenge: Buffer.from('Password:') };
    }
    return { type: 'credentials', credentials: { authzid: '', authcid: this.#user, password: text } };
  }
}
