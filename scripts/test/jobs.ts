/**
 * Runs jobs side by side, and what has to be done before some of them.
 *
 * @module
 */

/** What some jobs need, done once and not before the first of them is about to run. */
export class Preparation {
  readonly #act: () => Promise<void>;
  #state: "idle" | "running" | "done" = "idle";
  #ended: Promise<void> | undefined;

  /** Creates one that has not begun; `act` must not reject. */
  constructor(act: () => Promise<void>) {
    this.#act = act;
  }

  /** How far it is. */
  get state(): "idle" | "running" | "done" {
    return this.#state;
  }

  /** Resolves when it is done; begins with it if nobody has. */
  run(): Promise<void> {
    return this.#ended ??= this.#run();
  }

  async #run(): Promise<void> {
    this.#state = "running";
    await this.#act();
    this.#state = "done";
  }
}

/** Something to run. */
export interface Job {
  /** What has to be done before it. */
  readonly needs: readonly Preparation[];
  /** Runs it; must not reject. */
  readonly run: () => Promise<void>;
}

/**
 * Runs jobs in their order, at most `limit` at a time; resolves when all have run. A job that waits for
 * a preparation lets others pass.
 */
export async function runJobs(jobs: readonly Job[], limit: number): Promise<void> {
  const queue = [...jobs];
  const work = async (): Promise<void> => {
    while (queue.length > 0) {
      const at = queue.findIndex(({ needs }) => needs.every(({ state }) => state !== "running"));
      if (at === -1) {
        // All that is left waits for what others are preparing.
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
