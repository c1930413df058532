/**
 * Loaded before a Stoa (`--import`), makes of it a later release, as the others of its cluster see it: every stored value has
 * the next revision and something appended, every envelope of the bus the next version, a field and an event that nobody knows.
 */
import { registerHooks } from 'node:module';

interface Patch {
  file: RegExp;
  from: string;
  to: string;
}

/** An event of a kind to come (field 99), and a field 50 of the envelope. */
const MORE_ENVELOPE = '[0x3a, 0x05, 0x9a, 0x06, 0x02, 0x08, 0x01, 0x90, 0x03, 0x07]';

/** Files that may hold a format with a revision of its own. */
const EVERY_FORMAT = /store-router\/src\/.*\.ts$/;

const PATCHES: readonly Patch[] = [
  { file: EVERY_FORMAT, from: 'const VERSION = 1;', to: 'const VERSION = 2;' },
  {
    file: /store-router\/src\/account\/binary\.ts$/,
    from: '  finish(): Uint8Array {',
    to: "  finish(): Uint8Array {\n    if (this.#bytes[0] === 2) this.raw(Buffer.from('from a later release'));",
  },
  { file: /mime\/structure-format\.ts$/, from: 'STRUCTURE_VERSION = 1', to: 'STRUCTURE_VERSION = 2' },
  { file: /mailbox\/chunk-format\.ts$/, from: 'CHUNK_VERSION = 1', to: 'CHUNK_VERSION = 2' },
  { file: /mailbox\/chunk-codec\.ts$/, from: '+ count * width);\n  bytes[0]', to: '+ count * width + 5);\n  bytes[0]' },
  // What was appended is known to the release that appends it.
  { file: /mailbox\/chunk-codec\.ts$/, from: 'version <= CHUNK_VERSION', to: 'version < CHUNK_VERSION' },
  { file: /mime\/structure-reader\.ts$/, from: 'version <= STRUCTURE_VERSION', to: 'version < STRUCTURE_VERSION' },
  { file: /coordinator\/src\/envelope-writer\.ts$/, from: 'ENVELOPE_VERSION = 1', to: 'ENVELOPE_VERSION = 2' },
  {
    file: /coordinator\/src\/envelope-writer\.ts$/,
    from: 'new Uint8Array(this.#head.length + rest.length);',
    to: `new Uint8Array(this.#head.length + rest.length + MORE_ENVELOPE.length);
    octets.set(MORE_ENVELOPE, this.#head.length + rest.length);`.replaceAll('MORE_ENVELOPE', MORE_ENVELOPE),
  },
];

/** These end in a protobuf message, which appends in its own way. */
const LEFT_ALONE = /queue\/(entry-row|notices)\.ts$|migration\//;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const patches = PATCHES.filter(({ file }) => file.test(url) && !LEFT_ALONE.test(url));
    if (patches.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
    let source =
      typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
    for (const { file, from, to } of patches) {
      // What names one file must be found there: else this would be the older release under the newer one's name.
      if (!source.includes(from) && file !== EVERY_FORMAT) throw new Error(`${url} no longer has: ${from}`);
      source = source.replace(from, to);
    }
    return { ...loaded, source };
  },
});
