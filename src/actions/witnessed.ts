/** What was done, in the ledger where one is kept: also what failed, and before anybody is told of a success. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { LedgerEntry } from "../ledger/record.ts";
import { agreedClock } from "../operations/agree-on-time.ts";
import type { CopyReport } from "../operations/copy-snapshots.ts";
import type { CopyDestination } from "../operations/copy-target.ts";
import { newestHeads } from "../operations/history.ts";
import { aboutStore } from "../operations/witness-documents.ts";
import { outcomeOf } from "../outcome.ts";
import type { RunContext } from "../runner/environment.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import { endOf } from "../system/underway.ts";
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
  /** What further stores got. */
  readonly copies?: Copies | undefined;
}

export interface Copies {
  readonly report: CopyReport;
  readonly to: readonly CopyDestination[];
}

type Ending = Pick<LedgerEntry, "heads" | "outcome" | "findings" | "snapshot">;

interface Means {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
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
  means: Means,
  work: () => Promise<Done<R>>,
): Promise<R> {
  if (ledger === undefined) return (await work()).result;
  const done = await witnessingFailure(ledger, act, means, work);
  const { result, copies } = done;
  try {
    await append(ledger, act, await endingOf(act, done), means.clock);
    for (const [copied, ending] of await endingsOf(copies, act)) {
      await append(ledger, copied, ending, means.clock);
    }
    return result;
  } catch (cause) {
    const failure = unwritten(cause, means.logger);
    return result.error === undefined ? { ...result, error: failure } : result;
  }
}

/** The same for an act that is nothing but copies: one record for each store that got something, or failed to. */
export async function witnessedCopies(
  ledger: Ledger | undefined,
  act: Act,
  means: Means,
  { to, copy }: { readonly to: readonly CopyDestination[]; readonly copy: () => Promise<CopyReport> },
): Promise<CopyReport> {
  const report = await witnessingFailure(ledger, act, means, copy);
  if (ledger === undefined || report.dryRun) return report;
  try {
    for (const [copied, ending] of await endingsOf({ report, to }, act)) {
      await append(ledger, copied, ending, means.clock);
    }
    return report;
  } catch (cause) {
    const failure = unwritten(cause, means.logger);
    return report.error === undefined ? { ...report, error: failure } : report;
  }
}

/** What `work` gives or throws; only the latter is recorded. */
export async function witnessingFailure<T>(
  ledger: Ledger | undefined,
  act: Act,
  { clock, logger, signal }: Means,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    // The one that the process ends with too, whatever signals come while the ledger is written.
    const error = endOf(cause, signal);
    const ending = { heads: [], outcome: outcomeOf(error), findings: [error.code] };
    if (ledger !== undefined) {
      await append(ledger, act, ending, clock).catch((second: unknown) => unwritten(second, logger));
    }
    throw error;
  }
}

async function append(ledger: Ledger, act: Act, ending: Ending, clock: Clock): Promise<void> {
  const { commit, store, ...known } = act;
  // A record's place in time must not hang on one machine's clock alone.
  const time = (await agreedClock(clock, store)).now().toISOString();
  const entry = { ...known, ...ending, ...(await aboutStore(store, ledger)), witnessed: [], time };
  await ledger.append(commit === undefined ? entry : { ...entry, commit });
}

function unwritten(cause: unknown, logger: Logger): LifeboatError {
  const error = asLifeboatError(cause);
  logger.warning(`The ledger has no record of this: ${error.message} ${error.hint}`);
  return error;
}

async function endingOf<R extends { readonly error?: LifeboatError }>(
  act: Act,
  { result: { error }, snapshot, isNew = false, findings }: Done<R>,
): Promise<Ending> {
  const codes = [...new Set(findings.filter(({ level }) => level !== "info").map(({ code }) => code))];
  return {
    // As the store lists it: when it expires there explains later that it is gone.
    heads: isNew ? await headsAt(act) : [],
    outcome: outcomeOf(error),
    findings: error === undefined ? codes : [error.code, ...codes],
    ...(snapshot === undefined ? {} : { snapshot }),
  };
}

/** One for each further store that got something, or failed to. */
async function endingsOf(copies: Copies | undefined, act: Act): Promise<readonly [Act, Ending][]> {
  const endings: [Act, Ending][] = [];
  for (const { store: address, copied, missing, problem } of copies?.report.stores ?? []) {
    const store = copies?.to.find((one) => one.store.address === address)?.store;
    const isDone = problem === undefined && missing.length === 0;
    if (store === undefined || (isDone && copied.length === 0)) continue;
    const into = { ...act, act: "copy", store };
    const error = isDone ? undefined : copies?.report.error;
    const codes = problem === undefined ? (error === undefined ? [] : [error.code]) : [problem.code];
    const newest = copied.toSorted().at(-1);
    endings.push([
      into,
      {
        // A store that could not be written may not be readable either.
        heads: isDone ? await headsAt(into) : [],
        outcome: isDone ? "success" : error === undefined ? "failure" : outcomeOf(error),
        findings: codes,
        ...(newest === undefined ? {} : { snapshot: newest }),
      },
    ]);
  }
  return endings;
}

async function headsAt({ store, source }: Act): Promise<LedgerEntry["heads"]> {
  return [...(await newestHeads(store, source)).seen];
}
