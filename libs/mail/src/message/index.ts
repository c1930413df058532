export * from './dsn.ts';
export * from './identifier.ts';
export * from './submission.ts';
export * from './trace-field.ts';
