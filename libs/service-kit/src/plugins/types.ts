import type { DriverKind, DriverKinds } from '@stoa/plugin-sdk';

export type { DriverKind };
export type DriverOf<K extends DriverKind> = DriverKinds[K]['driver'];
export type DriverCapabilitiesOf<K extends DriverKind> = DriverKinds[K]['capabilities'];
