/**
 * What looks like an attack or an accident in the numbers of a source's snapshots. Retention then stops, because the
 * snapshots it would remove next may be the last good ones, until a person says that the change was meant.
 */
import { isFromTheFuture, type ObservedSnapshot, type SnapshotTotals } from "../snapshot/observed.ts";
import type { Finding } from "../verification/findings.ts";

export interface AnomalyInput {
  /** Of one source, in any order. */
  readonly snapshots: readonly ObservedSnapshot[];
  readonly now: Date;
  /** When a person last said that the numbers are as they should be: what is older is no measure any more. */
  readonly acceptedAt?: Date;
}

/** Codes: `anomaly-shrunk`, `anomaly-incompressible`, `anomaly-replaced`, `anomaly-another-database`. */
export interface Anomaly extends Finding {
  /** Id of the snapshot that differs. */
  readonly snapshot: string;
}

const dayMs = 86_400_000;
const medianOf = 7;
const windowMs = 90 * dayMs;
const shrunkBelow = 0.5;
const ratioAbove = 1.5;
const replacedAbove = 0.3;
/** Below this headers and rounding make the ratio. */
const smallestForRatio = 100_000;

interface Measure {
  readonly of: (totals: SnapshotTotals) => number;
  readonly unit: string;
  /** A smaller number says nothing when it halves: three rows become one on any day. */
  readonly smallest: number;
  /** Nor a smaller one when nothing is left. */
  readonly smallestToZero: number;
}

const measures: readonly Measure[] = [
  { of: ({ rows }) => rows, unit: "rows", smallest: 20, smallestToZero: 5 },
  { of: ({ rawBytes }) => rawBytes, unit: "bytes before compression", smallest: 100_000, smallestToZero: 1 },
  { of: ({ tables }) => tables, unit: "tables", smallest: 4, smallestToZero: 1 },
  { of: ({ objects }) => objects, unit: "objects", smallest: 20, smallestToZero: 5 },
];

/**
 * Every snapshot since the last acceptance that differs too much from those before it, oldest first. Where there is
 * one, retention of the source is frozen: a later snapshot that looks well again does not undo it, because what came
 * between may be what the attacker wants to be rid of.
 */
export function anomaliesOf(input: AnomalyInput): readonly Anomaly[] {
  const history = comparable(input);
  const anomalies: Anomaly[] = [];
  const largest = measures.map(({ of }) => slidingLargest(of));
  for (const [index, snapshot] of history.entries()) {
    const before = history.slice(Math.max(0, index - medianOf), index);
    if (before.length > 0) {
      anomalies.push(
        ...measures.flatMap((measure, at) =>
          shrunk(snapshot, measure, before, largest[at]?.since(snapshot.moment)),
        ),
        ...incompressible(snapshot, before),
        ...replaced(snapshot, before.at(-1)),
        ...ofAnotherDatabase(snapshot, before.at(-1)),
      );
    }
    for (const window of largest) window.add(snapshot);
  }
  return anomalies;
}

/** The sentence for `RetentionInput.freeze`; undefined where nothing is wrong. */
export function freezeSentence(anomalies: readonly Anomaly[]): string | undefined {
  const [first] = anomalies;
  if (first === undefined) return undefined;
  const more = anomalies.length === 1 ? "" : ` (and ${anomalies.length - 1} more)`;
  return `${first.publicSentence}${more}`;
}

/** Whole, honest snapshots by moment, from the newest that the acceptance saw. */
function comparable({ snapshots, now, acceptedAt }: AnomalyInput): readonly ObservedSnapshot[] {
  const sound = snapshots
    .filter((one) => one.state === "whole" && one.isTrusted && !isFromTheFuture(one, now))
    .sort((left, right) => left.moment.getTime() - right.moment.getTime() || (left.id < right.id ? -1 : 1));
  if (acceptedAt === undefined) return sound;
  const firstNew = sound.findIndex(({ moment }) => moment > acceptedAt);
  return sound.slice(Math.max(0, (firstNew === -1 ? sound.length : firstNew) - 1));
}

function shrunk(
  snapshot: ObservedSnapshot,
  measure: Measure,
  before: readonly ObservedSnapshot[],
  largest: number | undefined,
): readonly Anomaly[] {
  const { of, unit } = measure;
  const value = of(snapshot.totals);
  const middle = median(before.map(({ totals }) => of(totals)));
  if (middle !== undefined && isDrop(value, middle, measure)) {
    return [shrunkTo(snapshot, value, unit, middle, `the median of the last ${before.length}`)];
  }
  if (largest !== undefined && isDrop(value, largest, measure)) {
    return [shrunkTo(snapshot, value, unit, largest, "the largest kept of the last 90 days")];
  }
  return [];
}

function isDrop(value: number, reference: number, { smallest, smallestToZero }: Measure): boolean {
  return value < reference * shrunkBelow && reference >= (value === 0 ? smallestToZero : smallest);
}

function shrunkTo(
  { id }: ObservedSnapshot,
  value: number,
  unit: string,
  reference: number,
  measure: string,
): Anomaly {
  const sentence = `${id} has ${value} ${unit}, ${percent(value / reference)} of ${reference}, ${measure}.`;
  return anomaly("anomaly-shrunk", id, sentence);
}

/** Encrypted columns do not compress: the same rows suddenly take more sealed bytes. */
function incompressible(snapshot: ObservedSnapshot, before: readonly ObservedSnapshot[]): readonly Anomaly[] {
  const value = ratioOf(snapshot);
  const middle = median(before.flatMap((one) => ratioOf(one) ?? []));
  if (value === undefined || middle === undefined || value <= middle * ratioAbove) return [];
  const sentence =
    `${snapshot.id} compresses to ${percent(value)} of its size; the median of the last ${before.length} is ` +
    `${percent(middle)}. Encrypted data does not compress.`;
  return [anomaly("anomaly-incompressible", snapshot.id, sentence)];
}

function replaced(snapshot: ObservedSnapshot, previous: ObservedSnapshot | undefined): readonly Anomaly[] {
  const { objectsChanged } = snapshot;
  if (objectsChanged === undefined || previous === undefined) return [];
  const { objects } = previous.totals;
  if (objects === 0 || objectsChanged <= objects * replacedAbove) return [];
  const share = percent(objectsChanged / objects);
  const sentence = `${snapshot.id} has ${objectsChanged} of ${objects} objects (${share}) replaced or gone at once.`;
  return [anomaly("anomaly-replaced", snapshot.id, sentence)];
}

function ofAnotherDatabase(
  { id, origin }: ObservedSnapshot,
  previous: ObservedSnapshot | undefined,
): readonly Anomaly[] {
  if (origin === undefined || previous?.origin === undefined || origin === previous.origin) return [];
  const sentence = `${id} was taken of another database or server than ${previous.id} before it.`;
  return [anomaly("anomaly-another-database", id, sentence)];
}

function anomaly(code: string, snapshot: string, sentence: string): Anomaly {
  return {
    level: "error",
    code,
    snapshot,
    sentence,
    publicSentence: sentence,
    remedy:
      'Find out what happened. If the change was meant: lifeboat unfreeze SOURCE --because "…". If not: restore an older backup.',
  };
}

function ratioOf({ totals: { sealedBytes, rawBytes } }: ObservedSnapshot): number | undefined {
  return rawBytes < smallestForRatio ? undefined : sealedBytes / rawBytes;
}

/** The lower middle of an even number. */
function median(values: readonly number[]): number | undefined {
  return [...values].sort((left, right) => left - right)[Math.ceil(values.length / 2) - 1];
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

/** The largest value of the 90 days before a moment; moments must rise from call to call. */
function slidingLargest(of: (totals: SnapshotTotals) => number): {
  add(snapshot: ObservedSnapshot): void;
  since(moment: Date): number | undefined;
} {
  // Falling values by rising moments: what is older and smaller than a newcomer can never be the largest again.
  const falling: { readonly value: number; readonly at: number }[] = [];
  let first = 0;
  return {
    add({ totals, moment }) {
      const value = of(totals);
      while (falling.length > first && (falling.at(-1)?.value ?? 0) <= value) falling.pop();
      falling.push({ value, at: moment.getTime() });
    },
    since(moment) {
      const from = moment.getTime() - windowMs;
      while (first < falling.length && (falling[first]?.at ?? 0) < from) first += 1;
      return falling[first]?.value;
    },
  };
}
