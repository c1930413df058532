import type { Client, storage } from '@stoa/contracts';
import { hasCode, StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { Clock } from './clock.ts';

export type Maintenance = Client<typeof storage.MaintenanceServiceDefinition>;

/** A lease while it is held. */
export interface HeldLease {
  /** To be passed with every step that has an effect. */
  readonly fence: { readonly lease: string; readonly token: number };
  /** Aborts when the lease is lost or given back. */
  readonly signal: AbortSignal;
}

export interface LeaseHolderOptions {
  maintenance: Maintenance;
  name: string;
  /** Node id and incarnation: a node that starts anew is another owner. */
  owner: string;
  ttlMs: number;
  clock: Clock;
  onGained(lease: HeldLease): void;
  /** Not called when the lease is given back by `stop`. */
  onLost(cause: StoaError): void;
  /** The lease can be neither taken nor refused; undefined when that is over. */
  onTrouble(error: StoaError | undefined): void;
}

interface Holding extends HeldLease {
  readonly controller: AbortController;
  /** By this node's clock, from before the lease was asked for. */
  validUntil: number;
}

/** Renewals and attempts of those that wait, in parts of the time to live. */
const RENEW_PART = 3;
const CONTEND_PART = 4;

/** Longest wait for the store when a lease is given back; it ends by itself. */
const RELEASE_TIMEOUT_MS = 2_000;

/** Takes a lease as soon as it is free, and keeps it until it is lost or `stop`. */
export class LeaseHolder {
  readonly #options: LeaseHolderOptions;
  readonly #stop = new AbortController();
  #holding: Holding | undefined;
  #inTrouble = false;
  #attempt: Promise<void> | undefined;
  #cancelNext: () => void = () => {};
  #cancelExpiry: () => void = () => {};

  constructor(options: LeaseHolderOptions) {
    this.#options = options;
  }

  /** The lease, if it is held for certain. */
  get held(): HeldLease | undefined {
    const holding = this.#holding;
    return holding !== undefined && this.#options.clock.now() < holding.validUntil ? holding : undefined;
  }

  start(): void {
    void this.contend();
  }

  /** Tries now to take or renew the lease. Never rejects. */
  contend(): Promise<void> {
    this.#cancelNext();
    this.#attempt ??= this.#ask().finally(() => {
      this.#attempt = undefined;
      this.#plan();
    });
    return this.#attempt;
  }

  /** Gives the lease back, so that another node need not wait. What acts under it must have ended. */
  async stop(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(new StoaError('cancelled', 'the node stops'));
    this.#cancelNext();
    await this.#attempt;
    const holding = this.#holding;
    if (holding === undefined) return;
    this.#drop(holding, new StoaError('cancelled', 'the node stops'));
    const { maintenance, name, owner } = this.#options;
    await maintenance.releaseLease({ name, owner }, { timeoutMs: RELEASE_TIMEOUT_MS }).catch(() => {});
  }

  #plan(): void {
    if (this.#stop.signal.aborted) return;
    const { clock, ttlMs } = this.#options;
    const pause =
      this.#holding === undefined ? (ttlMs / CONTEND_PART) * (0.8 + clock.random() / 5) : ttlMs / RENEW_PART;
    this.#cancelNext = clock.after(pause, () => void this.contend());
  }

  async #ask(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { maintenance, name, owner, ttlMs, clock } = this.#options;
    // A process that slept through its lease learns it here at the latest.
    this.#expire();
    const asked = clock.now();
    try {
      const request = { name, owner, ttlMs };
      const { token } = await maintenance.acquireLease(request, { timeoutMs: ttlMs / 2, signal: this.#stop.signal });
      this.#trouble(undefined);
      this.#granted(token, asked + ttlMs);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (!hasCode(error, 'conflict')) {
        this.#trouble(toStoaError(error));
        return;
      }
      this.#trouble(undefined);
      this.#lose(error);
    }
  }

  #trouble(error: StoaError | undefined): void {
    if (error === undefined && !this.#inTrouble) return;
    this.#inTrouble = error !== undefined;
    this.#options.onTrouble(error);
  }

  #granted(token: number, validUntil: number): void {
    const { name, clock, onGained } = this.#options;
    if (this.#holding !== undefined && this.#holding.fence.token !== token) this.#lose('taken over in between');
    if (clock.now() >= validUntil) return;
    const controller = this.#holding?.controller ?? new AbortController();
    const gained = this.#holding === undefined;
    this.#holding ??= { fence: { lease: name, token }, controller, signal: controller.signal, validUntil };
    this.#holding.validUntil = validUntil;
    this.#cancelExpiry();
    this.#cancelExpiry = clock.after(validUntil - clock.now(), () => this.#expire());
    if (gained) onGained(this.#holding);
  }

  #expire(): void {
    const holding = this.#holding;
    if (holding !== undefined && this.#options.clock.now() >= holding.validUntil) this.#lose('not renewed in time');
  }

  #lose(cause: unknown): void {
    if (this.#holding === undefined) return;
    const failure = new StoaError('conflict', `the lease ${this.#options.name} was lost`, { cause });
    this.#drop(this.#holding, failure);
    this.#options.onLost(failure);
  }

  #drop(holding: Holding, reason: StoaError): void {
    this.#cancelExpiry();
    this.#holding = undefined;
    holding.controller.abort(reason);
  }
}
