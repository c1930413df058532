import { createHash } from 'node:crypto';
import { hasCode, StoaError } from '@stoa/plugin-sdk';
import type { Client, ClientCallOptions, MethodDefinition, ServiceDefinition } from './rpc.ts';

/** Milliseconds for which an endpoint that could not be reached is asked last. */
const EJECTION_MS = 2_000;

export interface Endpoint<D extends ServiceDefinition> {
  /** Stable name, such as its address: the rendezvous hash is made with it. */
  readonly name: string;
  readonly client: Client<D>;
  /** False while its connection is known not to stand; makes one meanwhile. */
  usable?(): boolean;
}

export interface BalancerOptions {
  /** Milliseconds since 1970-01-01 UTC. */
  now?: () => number;
}

type AnyCaller = (request: unknown, options?: ClientCallOptions) => unknown;

/** Weight of an endpoint for a key: the highest wins, so that a key moves only when its endpoint goes (rendezvous hashing). */
function weight(endpoint: string, key: string): number {
  return createHash('sha1').update(endpoint).update('\0').update(key).digest().readUInt32BE(0);
}

/**
 * One client over several instances of a service. Calls with a `routeKey` go to the instance of that key while it lives,
 * others in turn. When an instance is unavailable the call goes to the next, as long as nothing of the response was seen and
 * nothing of a request stream was taken; else the caller gets `unavailable` and decides.
 */
export class Balancer<D extends ServiceDefinition> {
  readonly client: Client<D>;
  #endpoints: readonly Endpoint<D>[];
  readonly #ejectedUntil = new Map<string, number>();
  readonly #now: () => number;
  #turn = 0;

  constructor(definition: D, endpoints: readonly Endpoint<D>[], options: BalancerOptions = {}) {
    this.#endpoints = endpoints;
    this.#now = options.now ?? Date.now;
    const client: Record<string, unknown> = {};
    for (const [name, method] of Object.entries(definition.methods)) {
      client[name] = method.responseStream
        ? (request: unknown, call?: ClientCallOptions) => this.#stream(name, method, request, call)
        : (request: unknown, call?: ClientCallOptions) => this.#single(name, method, request, call);
    }
    this.client = client as Client<D>;
  }

  /** Replaces the instances, when nodes come or go. */
  setEndpoints(endpoints: readonly Endpoint<D>[]): void {
    this.#endpoints = endpoints;
  }

  #order(routeKey: string | undefined): Endpoint<D>[] {
    const all = [...this.#endpoints];
    if (all.length < 2) return all;
    const preferred =
      routeKey === undefined
        ? rotate(all, this.#turn++ % all.length)
        : all
            .map((endpoint) => ({ endpoint, weight: weight(endpoint.name, routeKey) }))
            .sort((a, b) => b.weight - a.weight)
            .map(({ endpoint }) => endpoint);
    const now = this.#now();
    // A connection that broke is waited for in the background: a peer that is paused takes connections but says nothing on
    // them, and a call that had to find out would hang.
    const healthy = (endpoint: Endpoint<D>) =>
      (this.#ejectedUntil.get(endpoint.name) ?? 0) <= now && endpoint.usable?.() !== false;
    return [...preferred.filter(healthy), ...preferred.filter((endpoint) => !healthy(endpoint))];
  }

  /** Whether the next instance may be tried after this failure. */
  #goOn(endpoint: Endpoint<D>, error: unknown): boolean {
    if (!hasCode(error, 'unavailable')) return false;
    this.#ejectedUntil.set(endpoint.name, this.#now() + EJECTION_MS);
    return true;
  }

  async #single(
    name: string,
    method: MethodDefinition,
    request: unknown,
    call: ClientCallOptions | undefined,
  ): Promise<unknown> {
    const source = method.requestStream ? new OnceIterable(request as AsyncIterable<unknown>) : undefined;
    let last: unknown;
    try {
      for (const [endpoint, options] of this.#attempts(call)) {
        try {
          const response = await (endpoint.client as Record<string, AnyCaller>)[name]!(source ?? request, options);
          this.#ejectedUntil.delete(endpoint.name);
          return response;
        } catch (error) {
          last = error;
          if (!this.#goOn(endpoint, error) || source?.taken === true) break;
        }
      }
    } finally {
      source?.close();
    }
    throw last ?? noInstance();
  }

  async *#stream(
    name: string,
    method: MethodDefinition,
    request: unknown,
    call: ClientCallOptions | undefined,
  ): AsyncGenerator<unknown, void, undefined> {
    const source = method.requestStream ? new OnceIterable(request as AsyncIterable<unknown>) : undefined;
    let last: unknown;
    try {
      for (const [endpoint, options] of this.#attempts(call)) {
        let seen = false;
        try {
          const responses = (endpoint.client as Record<string, AnyCaller>)[name]!(
            source ?? request,
            options,
          ) as AsyncIterable<unknown>;
          for await (const response of responses) {
            if (!seen) this.#ejectedUntil.delete(endpoint.name);
            seen = true;
            yield response;
          }
          return;
        } catch (error) {
          last = error;
          if (!this.#goOn(endpoint, error) || seen || source?.taken === true) break;
        }
      }
    } finally {
      source?.close();
    }
    throw last ?? noInstance();
  }

  /** The instances in order, each with what is left of the caller's time. */
  *#attempts(call: ClientCallOptions | undefined): Generator<[Endpoint<D>, ClientCallOptions | undefined]> {
    const started = this.#now();
    const timeoutMs = call?.timeoutMs;
    let first = true;
    for (const endpoint of this.#order(call?.routeKey)) {
      if (first || timeoutMs === undefined) yield [endpoint, call];
      else {
        const left = timeoutMs - (this.#now() - started);
        if (left <= 0) return;
        yield [endpoint, { ...call, timeoutMs: left }];
      }
      first = false;
    }
  }
}

function noInstance(): StoaError {
  return new StoaError('unavailable', 'no instance of the service is known');
}

function rotate<T>(items: readonly T[], by: number): T[] {
  return [...items.slice(by), ...items.slice(0, by)];
}

/** Remembers whether anything was taken from a request stream: then the call cannot be made again elsewhere. */
class OnceIterable<T> implements AsyncIterable<T> {
  taken = false;
  readonly #source: AsyncIterable<T>;
  #iterator: AsyncIterator<T> | undefined;
  #first: Promise<IteratorResult<T>> | undefined;

  constructor(source: AsyncIterable<T>) {
    this.#source = source;
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    this.#iterator ??= this.#source[Symbol.asyncIterator]();
    const iterator = this.#iterator;
    let started = false;
    return {
      // The first request is kept until the second is asked for, so that a connection that never stood costs nothing.
      next: () => {
        if (!started) {
          started = true;
          this.#first ??= iterator.next();
          return this.#first;
        }
        this.taken = true;
        return iterator.next();
      },
      // Another instance may go on with the source; `close` ends it.
      return: async () => ({ done: true, value: undefined }),
    };
  }

  /** Frees what the source holds, once no further attempt will be made. */
  close(): void {
    Promise.resolve(this.#iterator?.return?.()).catch(() => {});
  }
}
