/** What a call of grpc-js tells when it is over. */
interface EndingCall {
  once(event: 'status' | 'error', listener: () => void): unknown;
}

/** Knows whether a call ended, so that who sends requests waits for nothing longer than the call lives. */
export class CallEnd {
  #reached = false;
  #wake: (() => void) | undefined;

  constructor(call: EndingCall) {
    const onEnd = () => {
      this.#reached = true;
      this.#wake?.();
    };
    call.once('status', onEnd);
    call.once('error', onEnd);
  }

  get reached(): boolean {
    return this.#reached;
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
