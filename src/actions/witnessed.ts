/** What was done, in the ledger where one is kept: also what failed, and before anybody is told of a success. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { LedgerEntry } from "../ledger/record.ts";
import { newestHeads } from "../operations/history.ts";
import type { RunContext } from "../runner/environment.ts";
import { outcomeOf } from "../runner/record.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { Finding } from "../verification/findings.ts";
import { actorOfRun } from "./trust-inputs.ts";

export interface Act {
  /** The action's name. */
  readonly act: string;
  readonly source: string;
  readonly store: Store;
  readonly by: Actor;
  /** What the workflow ran from. */
  readonly commit?: string | undefined;
}

/** What an act came to, besides the result that is passed on. */
export interface Done<R> {
  readonly result: R;
  /** The id of the snapshot that was made or restored; of a new one the history that it heads is witnessed too. */
  readonly snapshot?: string | undefined;
  readonly isNew?: boolean;
  readonly findings: readonly Finding[];
}

export function actOfRun(
  act: string,
  { source, store }: Pick<Act, "source" | "store">,
  context: Pick<RunContext, "actor" | "runUrl" | "sha">,
): Act {
  return { act, source, store, by: actorOfRun(context), commit: context.sha };
}

/**
 * The result, or what `work` throws. A ledger that cannot be written turns a success into `ledger-failed` (or what else
 * stood in the way), after everything else is safe; beside another error it is only a warning.
 */
export async function witnessed<R extends { readonly error?: LifeboatError }>(
  ledger: Ledger | undefined,
  act: Act,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  work: () => Promise<Done<R>>,
): Promise<R> {
  if (ledger === undefined) return (await work()).result;
  const append = async (ending: Pick<LedgerEntry, "heads" | "outcome" | "findings" | "snapshot">) => {
    const { commit, store, ...known } = act;
    const time = clock.now().toISOString();
    const entry = { ...known, ...ending, store: store.address, witnessed: [], time };
    await ledger.append(commit === undefined ? entry : { ...entry, commit });
  };
  const warn = (cause: unknown): LifeboatError => {
    const error = asLifeboatError(cause);
    logger.warning(`The ledger has no record of this: ${error.message} ${error.hint}`);
    return error;
  };
  let done: Done<R>;
  try {
    done = await work();
  } catch (cause) {
    const error = asLifeboatError(cause);
    await append({ heads: [], outcome: outcomeOf(error), findings: [error.code] }).catch(warn);
    throw cause;
  }
  const { result, snapshot, isNew = false, findings } = done;
  const codes = [...new Set(findings.filter(({ level }) => level !== "info").map(({ code }) => code))];
  const { error } = result;
  try {
    await append({
      // As the store lists it: when it expires there explains later that it is gone.
      heads: isNew ? [...(await newestHeads(act.store, act.source)).seen] : [],
      outcome: outcomeOf(error),
      findings: error === undefined ? codes : [error.code, ...codes],
      ...(snapshot === undefined ? {} : { snapshot }),
    });
    return result;
  } catch (cause) {
    const failure = warn(cause);
    return error === undefined ? { ...result, error: failure } : result;
  }
}
