export * from './gen/stoa/storage/v1/blob.ts';
// Each generated file has these names; naming one of them settles which.
export { type DeepPartial, type MessageFns, protobufFileName, protobufPackage } from './gen/stoa/storage/v1/blob.ts';
export * from './gen/stoa/storage/v1/certificate.ts';
export * from './gen/stoa/storage/v1/directory.ts';
export * from './gen/stoa/storage/v1/mail.ts';
export * from './gen/stoa/storage/v1/maintenance.ts';
export * from './gen/stoa/storage/v1/memory.ts';
export * from './gen/stoa/storage/v1/queue.ts';
