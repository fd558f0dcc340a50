/** What a backup says about itself: whether it is empty, smaller than the one before it, or of another database. */
import { LifeboatError } from "../errors.ts";
import type { Expected } from "../policy/policy.ts";
import { anomaliesOf } from "../retention/anomaly.ts";
import { observedSnapshot } from "../snapshot/observed.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Finding } from "../verification/findings.ts";

/** `previous` is the newest whole snapshot of the same source and store; absent where this is the first. */
export function sizeFindings(made: SnapshotJson, previous: SnapshotJson | undefined): readonly Finding[] {
  const before = previous === undefined ? undefined : observedSnapshot(previous);
  const observed = observedSnapshot(made);
  // Whatever clock made the one before: it was there when this one began.
  const snapshots =
    before === undefined
      ? []
      : [
          { ...before, moment: new Date(Math.min(before.moment.getTime(), observed.moment.getTime() - 1)) },
          observed,
        ];
  const anomalies = anomaliesOf({ snapshots, now: observed.finished });
  return [
    ...anomalies.filter(({ snapshot }) => snapshot === made.id),
    ...emptyFindings(made, previous === undefined),
  ];
}

/** The backup is stored and stays: only the step fails, so that somebody looks. */
export function expectationError(
  { id, source, totals }: SnapshotJson,
  expected: Expected = {},
): LifeboatError | undefined {
  const missed = (["tables", "rows", "objects"] as const).flatMap((measure) => {
    const least = expected[measure];
    return least === undefined || totals[measure] >= least
      ? []
      : [`${grouped(totals[measure])} ${measure} where at least ${grouped(least)} are expected`];
  });
  if (missed.length === 0) return undefined;
  return new LifeboatError(
    "backup-below-expectation",
    `Snapshot ${id} of "${source}" is stored, but it has ${missed.join(", and ")}.`,
  );
}

function emptyFindings({ source, kind, totals }: SnapshotJson, isFirst: boolean): readonly Finding[] {
  const { tables, rows, objects } = totals;
  const what =
    kind === "database"
      ? emptyDatabase(tables, rows, isFirst)
      : objects === 0 && isFirst
        ? names[kind]
        : undefined;
  if (what === undefined) return [];
  const sentence = `The backup of "${source}" has ${what}.`;
  const remedy =
    "If something should be there, check the address and the credentials: another one may be meant.";
  return [{ level: "warning", code: "backup-empty", sentence, publicSentence: sentence, remedy }];
}

const names = { storage: "no objects", application: "no files" } as const;

function emptyDatabase(tables: number, rows: number, isFirst: boolean): string | undefined {
  if (tables === 0) return "no tables";
  return rows === 0 && isFirst ? `${grouped(tables)} tables and no rows` : undefined;
}

function grouped(number: number): string {
  return number.toLocaleString("en-US");
}
