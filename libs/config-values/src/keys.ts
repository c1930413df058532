type Camel<Key extends string> = Key extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Key;

export type CamelKeys<T> = { [Key in keyof T as Key extends string ? Camel<Key> : Key]: T[Key] };

/**
 * Renames the keys of a table from the operator's spelling ("pool-size") to the program's (`poolSize`). End a schema with
 * `.transform(camelKeys)`: its checks and errors then still speak of the keys as they are written. Tables within are left alone.
 */
export function camelKeys<T extends object>(table: T): CamelKeys<T> {
  const camel = (key: string) => key.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [camel(key), value])) as CamelKeys<T>;
}
