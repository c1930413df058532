/** Loaded before a Stoa (`--import`): its clock is an hour ahead. */
const HOUR_MS = 3_600_000;
const TrueDate = Date;

globalThis.Date = class extends TrueDate {
  static override now(): number {
    return TrueDate.now() + HOUR_MS;
  }

  constructor(...values: [] | [string | number | Date]) {
    if (values.length === 0) super(TrueDate.now() + HOUR_MS);
    else super(...values);
  }
} as DateConstructor;
