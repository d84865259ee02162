/**
 * Runs jobs in parallel, and the preparations for some of them.
 *
 * @module
 */

/** A preparation for some jobs, done once, just before the first of them runs. */
export class Preparation {
  readonly #act: () => Promise<void>;
  #state: "idle" | "running" | "done" = "idle";
  #ended: Promise<void> | undefined;

  /** Creates one that has not begun; `act` must not reject. */
  constructor(act: () => Promise<void>) {
    this.#act = act;
  }

  /** Its state. */
  get state(): "idle" | "running" | "done" {
    return this.#state;
  }

  /** Resolves when it is done; starts it on the first call. */
  run(): Promise<void> {
    return this.#ended ??= this.#run();
  }

  async #run(): Promise<void> {
    this.#state = "running";
    await this.#act();
    this.#state = "done";
  }
}

/** A job. */
export interface Job {
  /** The preparation before it. */
  readonly needs: readonly Preparation[];
  /** Runs it; must not reject. */
  readonly run: () => Promise<void>;
}

/**
 * Runs jobs in order, at most `limit` at a time; resolves when all have run. A job that waits for a
 * preparation lets others run first.
 */
export async function runJobs(jobs: readonly Job[], limit: number): Promise<void> {
  const queue = [...jobs];
  const work = async (): Promise<void> => {
    while (queue.length > 0) {
      const at = queue.findIndex(({ needs }) => needs.every(({ state }) => state !== "running"));
      if (at === -1) {
        // All remaining jobs wait for running preparations.
        const running = queue.flatMap(({ needs }) => needs).filter(({ state }) =>
          state === "running"
        );
        await Promise.race(running.map((it) => it.run()));
        continue;
      }
      const missing = queue[at].needs.find(({ state }) => state === "idle");
      if (missing !== undefined) {
        await missing.run();
        continue;
      }
      const [job] = queue.splice(at, 1);
      await job.run();
    }
  };
  await Promise.all(Array.from({ length: limit }, work));
}
