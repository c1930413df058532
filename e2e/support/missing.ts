import { missing, type ServerName } from '@stoa/test-servers';

/** Whether one of these servers cannot be had here; the setup of the run says which. */
export function serversMissing(...names: ServerName[]): boolean {
  return names.some((name) => missing(name) !== undefined);
}
