/** How much would have been lost, as the distances between the moments that backups hold show it. */

/** The windows that reports look back over, in days. */
export const recoveryWindows = [30, 365] as const;

export interface RecoveryPointInput {
  /** The moments whose data snapshots hold, in any order; removed snapshots count, where their moments are known. */
  readonly moments: readonly Date[];
  readonly now: Date;
}

/** Seconds are absent where the window holds nothing that could be measured. */
export interface RecoveryPointWindow {
  readonly windowDays: number;
  /** How much of the window lies behind the first known snapshot, in days, to one decimal. */
  readonly coveredDays: number;
  /** Gaps between two snapshots that end within the window; the one before its first snapshot counts whole. */
  readonly gaps: number;
  /** Of those gaps. */
  readonly medianSeconds?: number;
  /** 95 of 100 gaps are not longer (nearest rank). */
  readonly p95Seconds?: number;
  /** Of those gaps and the time since the last snapshot. */
  readonly worstSeconds?: number;
}

export interface RecoveryPoint {
  /** What a failure of everything at `now` would lose; absent where there is no snapshot. */
  readonly nowSeconds?: number;
  /** One for each of `recoveryWindows`. */
  readonly windows: readonly RecoveryPointWindow[];
}

/** Moments after `now` are ignored: a clock was wrong, or somebody lies about a date. */
export function recoveryPoint({ moments, now }: RecoveryPointInput): RecoveryPoint {
  const past = [...new Set(moments.map((moment) => moment.getTime()))]
    .filter((moment) => moment <= now.getTime())
    .sort((one, other) => one - other);
  const last = past.at(-1);
  return {
    ...(last === undefined ? {} : { nowSeconds: seconds(now.getTime() - last) }),
    windows: recoveryWindows.map((days) => over(past, now, days)),
  };
}

const dayMs = 86_400_000;

function over(past: readonly number[], now: Date, windowDays: number): RecoveryPointWindow {
  const start = now.getTime() - windowDays * dayMs;
  const gaps = past
    .map((moment, index) => ({ moment, gap: moment - (past[index - 1] ?? moment), isFirst: index === 0 }))
    .filter(({ moment, isFirst }) => !isFirst && moment > start)
    .map(({ gap }) => gap)
    .sort((one, other) => one - other);
  const [first] = past;
  const last = past.at(-1);
  const coveredMs = first === undefined ? 0 : now.getTime() - Math.max(first, start);
  const counted = { windowDays, coveredDays: Math.round((coveredMs / dayMs) * 10) / 10, gaps: gaps.length };
  if (last === undefined) return counted;
  const worstSeconds = seconds(Math.max(gaps.at(-1) ?? 0, now.getTime() - last));
  const [median, p95] = [rank(gaps, 0.5), rank(gaps, 0.95)];
  if (median === undefined || p95 === undefined) return { ...counted, worstSeconds };
  return { ...counted, medianSeconds: seconds(median), p95Seconds: seconds(p95), worstSeconds };
}

/** Nearest rank, so that every figure is a gap that there was. */
function rank(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.ceil(sorted.length * share) - 1];
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
