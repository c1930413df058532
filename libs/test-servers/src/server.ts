/** A server that runs, and what may be done to it. */
export interface RunningServer {
  /** Ends it at once, as `kill -9` does; data and port stay. */
  kill(): Promise<void>;
  /** Starts it again after `kill`; resolves when it takes requests. */
  restart(): Promise<void>;
  /** SIGSTOP, SIGCONT. */
  signal(name: NodeJS.Signals): void;
  /** Ends it for good and removes its folder. */
  stop(): Promise<void>;
  /** The last lines it wrote. */
  readonly log: string;
}

/** For a server that somebody else runs: it is left alone at the end, and cannot be killed. */
export function notOurs(name: string, variable: string): RunningServer {
  const refuse = () => {
    throw new Error(`${name} is given by ${variable}; a test that kills it needs one of its own`);
  };
  return { kill: async () => refuse(), restart: async () => refuse(), signal: refuse, stop: async () => {}, log: '' };
}
