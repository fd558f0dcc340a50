/**
 * How large the next pack is. GitHub takes 500 artifacts of a job, so that there packs grow while a large backup goes on;
 * what does not even then fit is refused in words, before GitHub refuses it in its own.
 */
import { LifeboatError } from "../errors.ts";

export interface PackSize {
  /** Bytes of objects, about. */
  readonly maxBytes: number;
  /** All objects of a pack are fetched again where it is lost. */
  readonly maxObjects: number;
}

export interface PackBudget extends PackSize {
  /** Files that this job may still store; absent where nobody counts. */
  readonly filesLeft?: (() => number) | undefined;
}

/** For the index, contents.json, snapshot.json, lists of packs, and what other steps of the job store. */
const reserved = 40;
/** A pack waits on the runner's disk until it is uploaded, and several do at once. */
const largestGrown = 1024 ** 3;

/** Throws `artifact-limit` where the store takes no more packs. */
export function nextPackSize({ maxBytes, maxObjects, filesLeft }: PackBudget): PackSize {
  const left = filesLeft?.() ?? Number.POSITIVE_INFINITY;
  if (left <= reserved) {
    throw new LifeboatError(
      "artifact-limit",
      "The backup needs more packs than GitHub takes artifacts of one job (500).",
    );
  }
  const growth = left > 380 ? 1 : left > 280 ? 2 : left > 180 ? 4 : 8;
  return {
    maxBytes: Math.max(maxBytes, Math.min(maxBytes * growth, largestGrown)),
    maxObjects: maxObjects * growth,
  };
}
