/**
 * Rows that come in batches, one by one.
 *
 * @module
 */

import type { Row } from "./typed_call.ts";

/**
 * The rows of batches, one by one. It does what an async generator with a loop over them would do, but gives a row
 * that is here already at once, which takes a small part of the time.
 */
export class BatchedRows implements AsyncGenerator<Row, void, void> {
  readonly #batches: AsyncGenerator<readonly Row[], void, void>;
  #batch: readonly Row[] = [];
  /** The index of the next row in the batch. */
  #at = 0;
  /** The calls that aren't answered yet: each is answered after those before it. */
  #waiting = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** Takes no batch before the first row is asked for. */
  constructor(batches: AsyncGenerator<readonly Row[], void, void>) {
    this.#batches = batches;
  }

  next(): Promise<IteratorResult<Row, void>> {
    if (this.#waiting > 0 || this.#at >= this.#batch.length) {
      return this.#inTurn(() => this.#take());
    }
    return Promise.resolve({ done: false, value: this.#batch[this.#at++] });
  }

  return(): Promise<IteratorResult<Row, void>> {
    return this.#inTurn(() => this.#end(() => this.#batches.return()));
  }

  throw(error: unknown): Promise<IteratorResult<Row, void>> {
    return this.#inTurn(() => this.#end(() => this.#batches.throw(error)));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #take(): Promise<IteratorResult<Row, void>> {
    while (this.#at >= this.#batch.length) {
      const { done, value } = await this.#batches.next();
      if (done) return { done, value: undefined };
      this.#batch = value;
      this.#at = 0;
    }
    return { done: false, value: this.#batch[this.#at++] };
  }

  async #end(end: () => Promise<unknown>): Promise<IteratorResult<Row, void>> {
    this.#batch = [];
    await end();
    return { done: true, value: undefined };
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    this.#waiting++;
    const result = this.#turn.then(act);
    this.#turn = result.then(() => this.#waiting--, () => this.#waiting--);
    return result;
  }
}
