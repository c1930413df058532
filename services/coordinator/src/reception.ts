import { BusLine } from './bus-line.ts';
import { EchoWatch } from './echo-watch.ts';
import { StreamLines, type StreamLinesOptions } from './stream-lines.ts';
import { COMMON_STREAM } from './streams.ts';

export interface ReceptionOptions extends Omit<StreamLinesOptions, 'onLost' | 'onBack'> {
  /** A bus that brings nothing for so long, not even this node's own heartbeats, counts as away. */
  silenceMs: number;
  /** Something does not come any more; it may be all, or a stream. */
  onLost(reason: string): void;
  /** The common stream comes again. */
  onBack(): void;
  /** What was lost comes again: all is to be read anew. */
  onReadAnew(reason: string): void;
}

/** When the common stream is back, the others are waited for so long, so that all is read anew once. */
const BACK_TOGETHER_MS = 200;

/** What comes from the bus: the common stream, and those of mailbox events that are needed here. */
export class Reception {
  readonly #options: ReceptionOptions;
  readonly #line: BusLine;
  readonly #streams: StreamLines;
  readonly #echo: EchoWatch;
  #cancelBack: () => void = () => {};

  constructor(options: ReceptionOptions) {
    const { silenceMs, onBack, onReadAnew, ...lines } = options;
    this.#options = options;
    this.#echo = new EchoWatch(silenceMs);
    this.#line = new BusLine({
      ...lines,
      onMessage: (payload) => options.onMessage(COMMON_STREAM, payload),
      onGap: options.onLost,
      onConnected: () => this.#back(),
    });
    this.#streams = new StreamLines({
      ...lines,
      onBack: () => {
        if (this.complete) this.#tellBack();
      },
    });
  }

  /** Whether the common stream is subscribed to. It may bring nothing all the same. */
  get subscribed(): boolean {
    return this.#line.connected;
  }

  /** Whether events of other nodes come now. */
  get connected(): boolean {
    return this.#line.connected && !this.#echo.silent;
  }

  /** Whether all of them come that are needed here, but for streams that are being subscribed to the first time. */
  get complete(): boolean {
    return this.connected && !this.#streams.anyLost;
  }

  /** What does not come. */
  get degraded(): string | undefined {
    if (!this.#line.connected) return 'the bus is not connected';
    if (this.#echo.silent) return 'the bus brings nothing';
    return this.#streams.anyLost ? 'the bus does not bring all mailbox events that are needed here' : undefined;
  }

  /** How many streams are listened to. */
  get size(): number {
    return 1 + this.#streams.size;
  }

  /** Whether everything that is published now on a stream of mailbox events is heard. */
  stands(stream: number): boolean {
    return this.#streams.stands(stream);
  }

  /** Subscribes to the common stream, as `BusLine.open` does. */
  open(): Promise<void> {
    return this.#line.open();
  }

  /** Listens to these streams of mailbox events and no others. */
  want(streams: ReadonlySet<number>): void {
    this.#streams.want(streams);
  }

  async close(): Promise<void> {
    this.#cancelBack();
    await Promise.all([this.#line.close(), this.#streams.close()]);
  }

  /** A heartbeat of this node came back. */
  echoed(now: number): void {
    if (this.#echo.heard(now)) this.#back();
  }

  /** Time before now does not count as silence. */
  expectFrom(now: number): void {
    this.#echo.expectFrom(now);
  }

  /** To be called now and again, so that silence is noticed. */
  look(now: number): void {
    if (this.#line.connected && this.#echo.look(now)) this.#options.onLost('the bus brings nothing');
  }

  #back(): void {
    const { clock, onBack } = this.#options;
    this.#echo.expectFrom(clock.now());
    onBack();
    this.#cancelBack();
    if (this.complete) this.#tellBack();
    else this.#cancelBack = clock.after(BACK_TOGETHER_MS, () => this.#tellBack());
  }

  #tellBack(): void {
    this.#cancelBack();
    this.#options.onReadAnew('the bus is connected');
  }
}
