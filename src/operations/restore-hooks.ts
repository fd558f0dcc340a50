/** Commands that stop and start the application around a restore. They come from policy or inputs, never from a backup. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Finding } from "../verification/findings.ts";

/** `damaged`: nobody could find out whether the target is whole. */
export type RestoreOutcome = "restored" | "unchanged" | "damaged";

export interface RestoreHooks {
  /** Right before the first change to what exists, or before a new database is made. */
  readonly before?: string;
  /** Told LIFEBOAT_OUTCOME; runs whenever `before` was begun or would have been. */
  readonly after?: string;
  /** Also where the outcome is `damaged`. */
  readonly afterAlways?: boolean;
}

/** Runs a shell command; rejects unless it ends with 0. */
export type RunHook = (
  command: string,
  env: Readonly<Record<string, string>>,
  /** Ends the command, and all that it has started. */
  signal?: AbortSignal,
) => Promise<void>;

/** The application's stop and start around a restore. */
export class Hooks {
  readonly #snapshot: string;
  readonly #hooks: RestoreHooks;
  readonly #runHook: RunHook;
  #begun = false;

  constructor(snapshot: string, hooks: RestoreHooks, runHook: RunHook) {
    this.#snapshot = snapshot;
    this.#hooks = hooks;
    this.#runHook = runHook;
  }

  /** A run that was asked to stop begins nothing; a command that is at work then is ended, and `after` is due. */
  async before(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#begun = true;
    await this.#run(this.#hooks.before, {}, signal);
    signal.throwIfAborted();
  }

  async after(outcome: RestoreOutcome): Promise<void> {
    // What was never stopped must not be started: it may be another's work.
    if (!this.#begun) return;
    if (outcome === "damaged" && this.#hooks.afterAlways !== true) return;
    await this.#run(this.#hooks.after, { LIFEBOAT_OUTCOME: outcome });
  }

  async #run(
    command: string | undefined,
    env: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<void> {
    if (command === undefined) return;
    try {
      await this.#runHook(command, { LIFEBOAT_SNAPSHOT: this.#snapshot, ...env }, signal);
    } catch (cause) {
      const sentence = `A command around the restore failed: ${asLifeboatError(cause).message}`;
      throw new LifeboatError("hook-failed", sentence, { cause });
    }
  }
}

export function afterFailed(cause: unknown): Finding {
  return {
    level: "error",
    code: "hook-failed",
    sentence: asLifeboatError(cause).message,
    publicSentence: "The database is restored, but the command after it failed.",
    remedy: "Run the command by hand: the database itself is whole.",
  };
}
