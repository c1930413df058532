/** Knows whether a call ended, so that who sends requests waits for nothing longer than the call lives. */
export class CallEnd {
  #reached = false;
  #wake: (() => void) | undefined;

  get reached(): boolean {
    return this.#reached;
  }

  /** The call ended. May be said again. */
  reach(): void {
    this.#reached = true;
    this.#wake?.();
  }

  /** Settles like a promise made with `start`, or with undefined when the call ends first. One wait at a time. */
  or<T>(start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void): Promise<T | undefined> {
    return new Promise<T | undefined>((resolve, reject) => {
      if (this.#reached) return resolve(undefined);
      this.#wake = () => resolve(undefined);
      start(resolve, reject);
    });
  }
}
