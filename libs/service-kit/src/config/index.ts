export * from './describe.ts';
export * from './load.ts';
export * from './pick.ts';
export * from './sections.ts';
export * from './types.ts';
