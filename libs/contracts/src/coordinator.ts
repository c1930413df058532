export * from './gen/stoa/coordinator/v1/coordinator.ts';
export * from './gen/stoa/coordinator/v1/event.ts';
// Each generated file has these names; naming one of them settles which.
export {
  type DeepPartial,
  type MessageFns,
  protobufFileName,
  protobufPackage,
} from './gen/stoa/coordinator/v1/event.ts';
