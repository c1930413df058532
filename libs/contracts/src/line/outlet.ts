import { INITIAL_CREDIT } from './frames.ts';

/** How much one side may still send on a call. */
export class Outlet {
  #left = INITIAL_CREDIT;
  #room: PromiseWithResolvers<void> | undefined;
  #closed = false;

  /** Something of this cost was sent. A promise when the next has to wait: it resolves when there is room, or at the end of the call. */
  spend(cost: number): Promise<void> | undefined {
    this.#left -= cost;
    if (this.#left > 0 || this.#closed) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  grant(octets: number): void {
    this.#left += octets;
    if (this.#left > 0) this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#open();
  }

  #open(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
