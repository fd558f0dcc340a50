/** Reports for the status page: quiet ones, bad ones, empty ones, and seven years of hourly heartbeats. */
import { judge } from "../../../src/monitoring/judgement.ts";
import { recoveryPoint } from "../../../src/monitoring/recovery-point.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import type { ObservedDrill } from "../../../src/snapshot/drill-evidence.ts";
import type { Evidence, ObservedSnapshot } from "../../../src/snapshot/observed.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { type Tier, tiers } from "../../../src/snapshot/snapshot-json.ts";
import { calendarOf } from "../../../src/policy/calendar.ts";
import type { StatusReport } from "../../../src/status-page/report.ts";
import { allTiersKept, archive, policyOf } from "../policy/policies.ts";

export const now = new Date("2026-11-23T12:52:00Z");
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

export const shop = policyOf(
  `${archive}${allTiersKept}sources:
  database: { type: postgres, url: { secret: DATABASE_URL }, every: 1h, rpo: 1h, rto: 4h }
  product-images: { type: supabase-storage, url: { secret: SUPABASE_URL }, key: { secret: SUPABASE_SECRET_KEY }, every: 24h }
  application: { type: application, every: 24h, rpo: 1d, rto: 1h }
`,
);

export const place = {
  repository: "acme/shop",
  runUrl: "https://github.com/acme/shop/actions/runs/7",
  runbook: "https://github.com/acme/shop/blob/HEAD/docs/runbook.md",
};

export function backup(ageMs: number, more: Partial<ObservedSnapshot> = {}): ObservedSnapshot {
  const moment = new Date(now.getTime() - ageMs);
  const growth = 1 + 0.4 * Math.exp(-ageMs / (200 * dayMs)) + 0.01 * Math.sin(ageMs / dayMs);
  const tookMs = 180_000 * growth + 20_000 * Math.sin(ageMs / (0.7 * dayMs));
  return {
    id: newSnapshotId(moment),
    state: "whole",
    tiers: ["hourly"],
    moment,
    started: moment,
    finished: new Date(moment.getTime() + tookMs),
    totals: {
      tables: 42,
      rows: 1_000_000,
      objects: 0,
      rawBytes: 5e9,
      sealedBytes: Math.round(8.1e8 * growth),
    },
    evidence: [],
    isTrusted: true,
    isHeld: false,
    ...more,
  };
}

export function checked(level: Evidence["level"], ageMs: number, more: Partial<Evidence> = {}): Evidence {
  return { level, verdict: "passed", time: new Date(now.getTime() - ageMs), isTrusted: true, ...more };
}

/** What a policy with all tiers keeps of a backup every `everyMs`, made since `years`: each period's first holds its tier. */
export function kept(everyMs: number, years: number, isDropped: (ageMs: number) => boolean = () => false) {
  const calendar = calendarOf("UTC");
  const keepsMs: Record<Tier, number> = {
    ...{ hourly: 2 * dayMs, daily: 30 * dayMs, weekly: 90 * dayMs, monthly: 366 * dayMs },
    yearly: 7 * 366 * dayMs,
  };
  const known = new Set<string>();
  const snapshots: ObservedSnapshot[] = [];
  const removed: Date[] = [];
  for (let ageMs = years * 365 * dayMs; ageMs >= 0; ageMs -= everyMs) {
    const at = ageMs + 11 * 60_000;
    if (isDropped(at)) continue;
    const moment = new Date(now.getTime() - at);
    const held = tiers.filter((tier) => {
      if (tier === "hourly" && everyMs > hourMs) return false;
      const key = `${tier} ${calendar.period(tier, moment)}`;
      return !known.has(key) && known.add(key);
    });
    const isKept = held.some((tier) => at < keepsMs[tier]);
    if (!isKept) {
      removed.push(moment);
      continue;
    }
    const isWeekly = held.includes("weekly");
    const evidence =
      at < 2 * hourMs
        ? []
        : [
            checked("unsealed", at - 0.4 * hourMs),
            ...(isWeekly ? [checked("restored", at - 3 * hourMs)] : []),
          ];
    snapshots.push(backup(at, { tiers: held, evidence }));
  }
  return { snapshots, removed };
}

export interface Held {
  readonly snapshots: readonly ObservedSnapshot[];
  readonly removed?: readonly Date[];
  readonly drills?: readonly ObservedDrill[];
}

export function reportOf(
  policy: Policy,
  held: readonly Held[],
  more: Partial<StatusReport> = {},
): StatusReport {
  const views = policy.sources.map((source, index) => {
    const { snapshots = [], drills = [] } = held[index] ?? {};
    const keeps = policy.retention.tiers;
    const near = { name: "archive", keeps, snapshots, findings: [], isFrozen: false };
    return { source, snapshots, stores: [near], keyUses: [], drills };
  });
  const judgement = judge({ policy, now, sources: views, hasLedger: false });
  return {
    now,
    timezone: policy.timezone,
    place,
    judgement,
    sources: views.map(({ source, snapshots }, index) => {
      const { removed = [], drills = [] } = held[index] ?? {};
      const moments = [...snapshots.map(({ moment }) => moment), ...removed];
      return {
        source,
        state: judgement.sources[index]!,
        snapshots,
        keeps: policy.retention.tiers,
        recoveryPoint: recoveryPoint({ moments, now }),
        drills,
      };
    }),
    notes: judgement.notes,
    unheard: [],
    ...more,
  };
}

function drill(
  kind: ObservedDrill["kind"],
  daysAgo: number,
  hours: number,
  more: Partial<ObservedDrill> = {},
): ObservedDrill {
  const time = new Date(now.getTime() - daysAgo * dayMs);
  const { id, snapshot } = { id: `drill-${daysAgo}`, snapshot: newSnapshotId(time) };
  const passed = { verdict: "passed" as const, meetsObjectives: true, isTrusted: true };
  return { id, kind, snapshot, time, seconds: hours * 3600, ...passed, ...more };
}

/** A shop that has been backed up for a year: the database hourly, with holes, buckets and code each day. */
export function shopReport(): StatusReport {
  const database = kept(hourMs, 1.6, (ageMs) => Math.floor(ageMs / hourMs) % 17 === 5);
  const images = kept(dayMs, 0.4);
  const bad = backup(3 * hourMs + 60_000, {
    evidence: [checked("unsealed", 2 * hourMs, { verdict: "failed" })],
  });
  const drills = [
    drill("restoration", 40, 1.2),
    drill("disaster", 200, 4.6, { meetsObjectives: false }),
    drill("restoration", 130, 1.1, { meetsObjectives: false }),
  ];
  return reportOf(
    shop,
    [
      { ...database, snapshots: [...database.snapshots, bad], drills },
      {
        ...images,
        drills: [drill("restoration", 40, 1.2), drill("disaster", 100, 2)],
        snapshots: images.snapshots.filter(({ moment }) => now.getTime() - moment.getTime() > 2 * dayMs),
      },
      { snapshots: [] },
    ],
    {
      notes: [
        {
          level: "warning",
          code: "quota-unknown",
          sentence: "inside",
          publicSentence: "GitHub did not say how much of the account’s quota is used.",
          remedy: "Look at the account’s billing page now and then.",
        },
      ],
    },
  );
}

/** One backup an hour, all of them kept: what no retention would leave. */
export function everyHour(years: number): readonly ObservedSnapshot[] {
  return Array.from({ length: Math.round(years * 365 * 24) }, (_, index) => {
    const ageMs = index * hourMs + 60_000;
    return backup(ageMs, { tiers, evidence: [checked("unsealed", ageMs - 30_000)] });
  }).toReversed();
}

export const hostile = `</style></script><script>alert(1)</script><img src=x onerror=alert(2)>"'>&\u202e`;

/** Words that want to become markup wherever anything of a report stands. */
export function hostileReport(): StatusReport {
  const report = shopReport();
  const words = { sentence: hostile, publicSentence: hostile, remedy: hostile };
  return {
    ...report,
    timezone: report.timezone,
    place: { repository: hostile, runUrl: "javascript:alert(3)", runbook: `data:text/html,${hostile}` },
    judgement: {
      isWell: false,
      findings: [
        ...report.judgement.findings.map((one) => ({ ...one, ...words })),
        ...report.judgement.findings.map((one) => ({ ...one, publicSentence: "x".repeat(5000) })),
      ],
    },
    sources: report.sources.map((one) => ({
      ...one,
      source: { ...one.source, name: `${one.source.name}${hostile}` },
    })),
    notes: [{ level: "warning", code: hostile, ...words }],
    unheard: [hostile],
  };
}
