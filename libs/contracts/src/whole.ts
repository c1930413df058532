import type { MethodDefinition } from './rpc.ts';

const WHOLE = new WeakSet<object>();

/**
 * Says of a response that no field of it is absent, which its type proves: a call in this process hands over the object itself
 * and not a copy with all fields filled in. For large responses; whoever makes one lets go of it.
 */
export function whole<T extends object>(response: T): T {
  WHOLE.add(response);
  return response;
}

/** A response of a handler with every field that it left out. */
export function filled({ responseType }: MethodDefinition, response: unknown): unknown {
  if (typeof response === 'object' && response !== null && WHOLE.has(response)) return response;
  return responseType.fromPartial(response ?? {});
}
