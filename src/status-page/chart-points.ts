/** Sizes and durations over time, in so few points that they fit a small chart and a table: data in, data out. */
import type { ObservedSnapshot } from "../snapshot/observed.ts";

export interface ChartPoint {
  /** Of the last backup in it. */
  readonly moment: Date;
  /** Backups that this point stands for. */
  readonly backups: number;
  /** Sealed bytes, of the last one. */
  readonly bytes: number;
  /** From start to end, the longest. */
  readonly durationMs: number;
}

export interface ChartWindow {
  readonly name: string;
  readonly from: Date;
  readonly to: Date;
  readonly points: readonly ChartPoint[];
}

const dayMs = 86_400_000;
const recentDays = 30;
const mostPoints = 40;

/** The last 30 days and, where there is more, everything since the oldest backup. Nothing without two backups. */
export function chartWindows(snapshots: readonly ObservedSnapshot[], now: Date): readonly ChartWindow[] {
  const whole = snapshots
    .filter((one) => one.state === "whole" && one.isTrusted && one.moment <= now)
    .sort((one, other) => one.moment.getTime() - other.moment.getTime());
  const [oldest] = whole;
  if (oldest === undefined) return [];
  const recently = new Date(now.getTime() - recentDays * dayMs);
  const recent = whole.filter(({ moment }) => moment > recently);
  const from = new Date(Math.max(recently.getTime(), oldest.moment.getTime()));
  const windows = [windowOf(`last ${recentDays} days`, { from, to: now }, recent)];
  if (oldest.moment < recently) {
    const since = oldest.moment.toISOString().slice(0, 10);
    windows.push(windowOf(`since ${since}`, { from: oldest.moment, to: now }, whole));
  }
  return windows.filter(({ points }) => points.length > 1);
}

function windowOf(
  name: string,
  { from, to }: { readonly from: Date; readonly to: Date },
  snapshots: readonly ObservedSnapshot[],
): ChartWindow {
  const spanMs = Math.max(1, to.getTime() - from.getTime());
  const points = new Map<number, ChartPoint>();
  for (const { moment, started, finished, totals } of snapshots) {
    const share = (moment.getTime() - from.getTime()) / spanMs;
    const slot = Math.min(mostPoints - 1, Math.floor(share * mostPoints));
    const before = points.get(slot);
    points.set(slot, {
      moment,
      backups: (before?.backups ?? 0) + 1,
      bytes: totals.sealedBytes,
      durationMs: Math.max(before?.durationMs ?? 0, finished.getTime() - started.getTime()),
    });
  }
  return { name, from, to, points: [...points.values()] };
}
