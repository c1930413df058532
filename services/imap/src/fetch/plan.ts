import type { FetchAttribute, FetchBinary, FetchBinarySize, FetchCommand, FetchItem, FetchSection } from '@stoa/mail';

type AttributeName = FetchAttribute['type'];

/** A section with the name under which it is returned, which RFC822 and its like keep. */
export interface NamedSection {
  item: FetchSection;
  /** In place of the section's own name. */
  name: string | undefined;
}

/** What a FETCH wants, sorted by where it comes from. */
export interface FetchPlan {
  uid: boolean;
  flags: boolean;
  modSeq: boolean;
  size: boolean;
  internalDate: boolean;
  envelope: boolean;
  /** BODYSTRUCTURE, and BODY without extension data. */
  bodyStructure: boolean;
  body: boolean;
  sections: NamedSection[];
  binaries: FetchBinary[];
  binarySizes: FetchBinarySize[];
  /** The message's record is needed: everything that its index does not have. */
  needsRecord: boolean;
  /** A body is read without PEEK, which sets \Seen. */
  setsSeen: boolean;
}

const whole = (text: 'HEADER' | 'TEXT' | undefined, peek: boolean): FetchSection => ({
  type: 'BODY[]',
  peek,
  section: { part: [], text, fields: [] },
  partial: undefined,
});

/** RFC 3501 section 6.4.5: the old names for parts of a message. */
const OLD_NAMES: Partial<Record<AttributeName, FetchSection>> = {
  RFC822: whole(undefined, false),
  'RFC822.HEADER': whole('HEADER', true),
  'RFC822.TEXT': whole('TEXT', false),
};

export function planFetch(command: FetchCommand, condstore: boolean): FetchPlan {
  const { items } = command;
  const has = (type: FetchItem['type']) => items.some((item) => item.type === type);
  const sections: NamedSection[] = [];
  for (const item of items) {
    if (item.type === 'BODY[]') sections.push({ item, name: undefined });
    else {
      const old = OLD_NAMES[item.type as AttributeName];
      if (old !== undefined) sections.push({ item: old, name: item.type });
    }
  }
  const binaries = items.filter((item) => item.type === 'BINARY[]');
  const binarySizes = items.filter((item) => item.type === 'BINARY.SIZE[]');
  const plan = {
    uid: command.uid || has('UID'),
    flags: has('FLAGS'),
    // CHANGEDSINCE asks for MODSEQ too; with CONDSTORE on it goes with FLAGS (RFC 7162 sections 3.1.4.1 and 3.1).
    modSeq: has('MODSEQ') || command.changedSince !== undefined || (condstore && has('FLAGS')),
    size: has('RFC822.SIZE'),
    internalDate: has('INTERNALDATE'),
    envelope: has('ENVELOPE'),
    bodyStructure: has('BODYSTRUCTURE'),
    body: has('BODY'),
    sections,
    binaries,
    binarySizes,
  };
  return {
    ...plan,
    needsRecord:
      plan.envelope || plan.bodyStructure || plan.body || sections.length + binaries.length + binarySizes.length > 0,
    setsSeen: sections.some(({ item }) => !item.peek) || binaries.some((item) => !item.peek),
  };
}
