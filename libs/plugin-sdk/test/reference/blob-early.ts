import { blobFactory } from './blob.ts';

/** The module that a process of its own loads: a store that acknowledges before it writes. */
export default blobFactory('acknowledges before it writes');
