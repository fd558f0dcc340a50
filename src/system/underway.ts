/**
 * Acts that change what exists, while they are at work. Each can say at any moment what it has changed so far; whoever
 * ends one early says exactly that: the act itself where it stopped in time, the guard of the process where it hangs.
 */
import { asLifeboatError, LifeboatError } from "../errors.ts";

export interface Standing {
  /** What has happened, in one sentence without names from inside; "" for nothing worth a word. */
  readonly sentence: string;
  /** A step was sent and has not been answered: nobody here knows. `hint` says how a person finds out. */
  readonly isUnknown?: boolean;
  readonly hint?: string;
}

type Ask = () => Standing;

/** By the signal that stops them. An act that has ended stays: what it did is still true. */
const acts = new WeakMap<AbortSignal, Ask[]>();
/** Errors that say already how things stand. */
const told = new WeakSet<Error>();

/** Runs an act. When it throws after `signal` has aborted, the error says what all acts of the run have done. */
export async function underway<T>(signal: AbortSignal, ask: Ask, work: () => Promise<T>): Promise<T> {
  register(signal, ask);
  try {
    return await work();
  } catch (thrown) {
    throw signal.aborted ? endOf(thrown, signal) : thrown;
  }
}

export function register(signal: AbortSignal, ask: Ask): void {
  const known = acts.get(signal);
  if (known === undefined) acts.set(signal, [ask]);
  else known.push(ask);
}

/**
 * The one error that ledger, record and message are made of. Once the run was asked to stop, what was thrown is mostly
 * the echo of that, except where it was thrown by somebody who had looked how things stand.
 */
export function endOf(thrown: unknown, signal: AbortSignal): LifeboatError {
  const error = asLifeboatError(thrown);
  if (!signal.aborted) return asTold(error);
  return told.has(error) ? error : asTold(stoppedError(signal, thrown));
}

/** Marks an error as one that says how things stand: nothing that happens later makes it say something else. */
export function asTold<E extends Error>(error: E): E {
  told.add(error);
  return error;
}

function stoppedError(signal: AbortSignal, thrown: unknown): LifeboatError {
  const reason = asLifeboatError(signal.reason);
  const standings = (acts.get(signal) ?? []).map((ask) => ask());
  const unknown = standings.find(({ isUnknown }) => isUnknown === true);
  const sentences = new Set(standings.map(({ sentence }) => sentence).filter((sentence) => sentence !== ""));
  const isEcho = thrown === undefined || thrown === signal.reason;
  if (sentences.size === 0 && isEcho) return reason;
  const hint = (unknown ?? standings.find((standing) => standing.hint !== undefined))?.hint ?? reason.hint;
  // A stranger's words may name names from inside; ours do not.
  const opening = reason.code === "unexpected" ? "Something unforeseen happened." : reason.publicSentence;
  return new LifeboatError(
    unknown === undefined ? reason.code : "run-outcome-unknown",
    [reason.message, ...sentences].join(" "),
    {
      hint,
      cause: isEcho ? reason.cause : thrown,
      ...(opening === undefined ? {} : { publicSentence: [opening, ...sentences].join(" ") }),
    },
  );
}
