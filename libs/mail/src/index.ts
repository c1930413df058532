export * from './address/index.ts';
export * from './imap/index.ts';
export * from './mailbox/index.ts';
export * from './message/index.ts';
export * from './mime/index.ts';
export * from './sasl/index.ts';
export * from './smtp/index.ts';
