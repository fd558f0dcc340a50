/**
 * Pruning where the store is full. A tombstone must be written before anything is deleted, so what has one goes first,
 * and what that frees takes the next tombstones; a reserve is given up where not even the first one can be written.
 */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import type { PrunePass, PruneReport } from "./prune-report.ts";

/** The error of a store that has no room; everything else is thrown. */
export function fullStore(cause: unknown): LifeboatError {
  const error = asLifeboatError(cause);
  if (error.code !== "store-full") throw cause;
  return error;
}

/** Pass after pass, as long as each frees something. Throws `store-full` where that does not suffice. */
export async function untilThereIsRoom(
  store: Store,
  { dryRun }: { readonly dryRun: boolean },
  pass: () => Promise<PrunePass>,
): Promise<PruneReport> {
  let last = await pass();
  let report: PruneReport = withoutFull(last);
  let hasReserve = true;
  while (last.full !== undefined) {
    if (countOf(last) === 0) {
      if (!hasReserve || !((await store.freeReserve?.()) ?? false)) throw noRoom(last.full, store, report);
      hasReserve = false;
    }
    last = await pass();
    report = joined(report, last);
  }
  if (!dryRun && report.error === undefined) await store.keepReserve?.();
  return report;
}

function withoutFull(pass: PrunePass): PruneReport {
  const report = { ...pass };
  delete report.full;
  return report;
}

function countOf({ removed, finished, packs }: PruneReport): number {
  return removed.length + finished.length + (packs?.deleted.length ?? 0);
}

/** What was decided is what the first pass saw; the last one knows how it stands now. */
function joined(first: PruneReport, last: PrunePass): PruneReport {
  const next = withoutFull(last);
  const packs = next.packs ?? first.packs;
  return {
    ...next,
    decisions: first.decisions,
    removed: [...first.removed, ...next.removed],
    finished: [...first.finished, ...next.finished],
    ...(packs === undefined
      ? {}
      : {
          packs: {
            marked: [...(first.packs?.marked ?? []), ...(next.packs?.marked ?? [])],
            unmarked: [...(first.packs?.unmarked ?? []), ...(next.packs?.unmarked ?? [])],
            deleted: [...(first.packs?.deleted ?? []), ...(next.packs?.deleted ?? [])],
          },
        }),
  };
}

function noRoom(cause: LifeboatError, { address }: Store, report: PruneReport): LifeboatError {
  const { source } = report;
  const isFolder = address.startsWith("file:");
  const where = isFolder ? decodeURIComponent(new URL(address).pathname) : address;
  const free = isFolder
    ? `Free 64 KiB on the disk that holds ${where} (\`df -h ${where}\` shows it), but nothing below that folder`
    : "Raise the quota, or free 64 KiB in the bucket outside of the store";
  return new LifeboatError(
    "store-full",
    `The store ${address} is too full to prune "${source}": before a snapshot is removed its tombstone is written, and there is no room for one (${countOf(report)} removals were possible).`,
    {
      cause,
      hint: `${free}; then run again: lifeboat prune --source ${source} (with the policy and keys as before)`,
    },
  );
}
