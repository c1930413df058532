import type { Need } from '../framework/bench.ts';

/** Postfix changes users and refuses to start otherwise. */
export const root: Need = {
  name: 'root',
  missing: async () =>
    process.getuid?.() === 0 ? undefined : 'Postfix starts as root alone: run this bench with sudo',
};
