/** What the monitor says of each situation, and what it may call well again. */
import { describe, expect, test } from "vitest";
import { monitorCatalogue } from "../../../src/monitoring/catalogue.ts";
import type { JobReport } from "../../../src/monitoring/judge-workflow.ts";
import type { Policy, PolicySource } from "../../../src/policy/policy.ts";
import type { Finding } from "../../../src/verification/findings.ts";
import { policyOf } from "../policy/policies.ts";
import {
  backup,
  daily,
  dayMs,
  failed,
  hourMs,
  judged,
  now,
  passed,
  type Situation,
  store,
} from "./situations.ts";

const minuteMs = 60_000;
const none: Pick<Situation, "snapshots"> = { snapshots: [] };
const fine = backup(hourMs);
const other = (code: string): Finding => ({
  level: "error",
  code,
  sentence: "inside",
  publicSentence: "public",
  remedy: "do",
});
const seen = (more: Partial<Parameters<typeof store>[2]>): Situation => ({
  snapshots: [fine],
  stores: [store("near", [fine], more)],
});
const expiring = (ageMs: number, leftMs: number) =>
  backup(ageMs, { expiresAt: new Date(now.getTime() + leftMs) });

test.each<[string, Situation, string[]]>([
  ["on time", { snapshots: [fine] }, []],
  ["exactly at the objective", { snapshots: [backup(dayMs)] }, []],
  ["late within the grace", { snapshots: [backup(dayMs + 30 * minuteMs)] }, []],
  ["late beyond the grace", { snapshots: [backup(dayMs + 31 * minuteMs)] }, ["backup-late"]],
  ["never backed up", none, ["backup-missing"]],
  [
    "an incomplete, a damaged, an untrusted and a future one are none",
    {
      snapshots: [
        backup(hourMs, { state: "incomplete" }),
        backup(hourMs, { state: "damaged" }),
        backup(hourMs, { isTrusted: false }),
        backup(-hourMs),
      ],
    },
    ["backup-missing"],
  ],
  ["fresh and not verified yet", { snapshots: [backup(hourMs, { evidence: [] }), backup(20 * hourMs)] }, []],
  ["never verified", { snapshots: [backup(20 * hourMs, { evidence: [] })] }, ["backup-unverified"]],
  [
    "stored alone verifies nothing, nor does evidence that nobody vouches for",
    {
      snapshots: [
        backup(20 * hourMs, { evidence: [passed("stored", hourMs), passed("restored", hourMs, false)] }),
      ],
    },
    ["backup-unverified"],
  ],
  [
    "verification stopped days ago",
    { snapshots: [backup(8 * hourMs, { evidence: [] }), backup(3 * dayMs)] },
    ["backup-unverified"],
  ],
  [
    "restores within the pace",
    { snapshots: [backup(hourMs, { evidence: [passed("unsealed", 0)] }), backup(7 * dayMs)] },
    [],
  ],
  [
    "no restore for longer than the pace",
    { snapshots: [backup(hourMs, { evidence: [passed("unsealed", 0)] }), backup(8 * dayMs)] },
    ["verification-late"],
  ],
  [
    "never restored, for longer than the pace",
    {
      snapshots: [hourMs, 8 * dayMs].map((age) => backup(age, { evidence: [passed("unsealed", 0)] })),
    },
    ["verification-late"],
  ],
  [
    "the newest failed, the one before is good enough",
    { snapshots: [backup(hourMs, { evidence: [failed("unsealed")] }), backup(20 * hourMs)] },
    ["verification-failed"],
  ],
  [
    "the newest failed and so counts for nothing",
    { snapshots: [backup(hourMs, { evidence: [failed("unsealed")] }), backup(2 * dayMs)] },
    ["backup-late", "verification-failed"],
  ],
  [
    "a good one after the failed one",
    { snapshots: [fine, backup(9 * hourMs, { evidence: [failed("unsealed")] })] },
    [],
  ],
  ["frozen by a person", seen({ isFrozen: true }), ["retention-frozen"]],
  ["frozen by its numbers", seen({ isFrozen: true, findings: [other("anomaly-shrunk")] }), ["size-anomaly"]],
  ["history broken", seen({ isFrozen: true, findings: [other("history-absent")] }), ["history-broken"]],
  ["the ledger broken", seen({ isFrozen: true, findings: [other("ledger-broken")] }), ["ledger-broken"]],
  ["a snapshot.json gone", seen({ findings: [other("snapshot-json-missing")] }), ["backup-damaged"]],
  [
    "a hold that GitHub will not keep",
    seen({ findings: [other("expires-although-kept")] }),
    ["expiry-ahead"],
  ],
  ["untrusted evidence", seen({ findings: [other("evidence-not-trusted")] }), ["evidence-not-trusted"]],
  ["a draft that died is a note", seen({ findings: [other("unfinished-draft")] }), []],
  ["the last one expires in three days", { snapshots: [expiring(dayMs, 3 * dayMs)] }, []],
  [
    "the last one of ninety days expires in three",
    { snapshots: [expiring(87 * dayMs, 3 * dayMs)] },
    ["backup-late", "last-backup-expires", "verification-late"],
  ],
  ["a short life is no alarm", { snapshots: [expiring(hourMs, 47 * hourMs)] }, []],
  [
    "a newer one that lasts",
    { snapshots: [expiring(hourMs, 90 * dayMs), expiring(87 * dayMs, 3 * dayMs)] },
    [],
  ],
  [
    "another store has it for ever",
    {
      snapshots: [fine],
      stores: [store("near", [{ ...fine, expiresAt: now }]), store("far", [fine])],
    },
    [],
  ],
  ["a store that gets nothing", copies([backup(hourMs), backup(2 * dayMs)], []), ["copy-late"]],
  [
    "a store that stopped getting",
    copies([backup(hourMs), backup(2 * dayMs)], [backup(3 * dayMs)]),
    ["copy-late"],
  ],
  [
    "a store that will get the newest soon",
    copies([backup(hourMs), backup(3 * dayMs)], [backup(3 * dayMs - 1)]),
    [],
  ],
  [
    "a store that need not keep that tier",
    copies([backup(hourMs), backup(2 * dayMs)], [], { keeps: { yearly: 7 * 366 * dayMs } }),
    [],
  ],
  [
    "one of two stores does not answer",
    copies([fine], [], { error: { sentence: "It does not answer.", remedy: "Wait." } }),
    ["store-unreadable"],
  ],
  [
    "no store answers: nobody knows more",
    { snapshots: [], stores: [store("near", [], { error: { sentence: "No.", remedy: "Wait." } })] },
    ["store-unreadable"],
  ],
  [
    "keys older than a year",
    {
      snapshots: [fine],
      keyUses: [0, 400].map((days) => ({ time: new Date(now.getTime() - days * dayMs), recipients: ["a"] })),
    },
    ["keys-overdue"],
  ],
  [
    "jobs that succeeded with a record, or were skipped",
    { snapshots: [fine], jobs: [job({}), job({ result: "skipped", records: [] })] },
    [],
  ],
  ["a job without a record", { snapshots: [fine], jobs: [job({ records: [] })] }, ["job-without-record"]],
  [
    "a job that failed",
    { snapshots: [fine], jobs: [job({ result: "failure", records: [] })] },
    ["job-failed"],
  ],
  [
    "a job that was cancelled",
    { snapshots: [fine], jobs: [job({ result: "cancelled" })] },
    ["job-cancelled"],
  ],
  [
    "a green job whose record says otherwise",
    { snapshots: [fine], jobs: [job({ records: [{ action: "verify", outcome: "not-verified" }] })] },
    ["job-failed"],
  ],
  [
    "a schedule that GitHub disabled",
    { snapshots: [fine], workflows: [workflow({ isActive: false })] },
    ["schedule-disabled"],
  ],
  [
    "a schedule that was enabled again",
    { snapshots: [fine], workflows: [workflow({ isActive: true, wasEnabled: true })] },
    ["schedule-reenabled"],
  ],
  ["schedules alive", { snapshots: [fine], workflows: [workflow({})] }, []],
])("%s", (_, situation, codes) => {
  const { findings, isWell } = judged(situation);
  expect(findings.map(({ code }) => code).sort()).toEqual(codes);
  expect(isWell).toBe(
    codes.every((code) => monitorCatalogue[code as keyof typeof monitorCatalogue].level === "warning"),
  );
  for (const { sentence } of findings) expect(sentence).not.toContain("inside");
});

function copies(
  near: ReturnType<typeof backup>[],
  far: ReturnType<typeof backup>[],
  more: Parameters<typeof store>[2] = {},
): Situation {
  return { snapshots: near, stores: [store("near", near), store("far", far, more)] };
}

function job(more: Partial<JobReport>): JobReport {
  return {
    job: "backup",
    result: "success",
    records: [{ action: "db-backup", outcome: "success" }],
    ...more,
  };
}

function workflow(more: object) {
  return { file: "backup.yml", isActive: true, byGitHub: true, wasEnabled: false, ...more };
}

describe("what is measured", () => {
  test.each([
    [20 * hourMs, "on-time"],
    [dayMs + minuteMs, "late-within-grace"],
    [2 * dayMs, "late"],
  ])("raw: a backup %i ms old is %s", (ageMs, punctuality) => {
    expect(judged({ snapshots: [backup(ageMs)] }).sources[0]).toMatchObject({
      punctuality,
      objectiveMs: dayMs,
      lastGood: { ageMs },
    });
  });

  test("an application backed up on each push is measured by its pace, not by the objective of pushes", () => {
    const pushed = policyOf("sources: { app: { type: application, every: 24h, rpo: 15m } }");
    const [source] = pushed.sources;
    const paced: Policy = { ...pushed, sources: [{ ...source, onPush: false } as PolicySource] };
    const snapshots = [backup(20 * hourMs)];
    expect(judged({ snapshots }, pushed).findings).toEqual([]);
    expect(judged({ snapshots }, paced).findings[0]?.code).toBe("backup-late");
  });
});

describe("a sentence", () => {
  test("stays the same while the facts do, so that nothing is told twice", () => {
    const old = backup(3 * dayMs, { evidence: [] });
    const snapshots = [old];
    const later = new Date(now.getTime() + 5 * hourMs);
    const first = judged({ snapshots }).findings;
    expect(first.map(({ code }) => code)).toEqual(["backup-late", "backup-unverified"]);
    expect(judged({ snapshots, now: later }).findings).toEqual(first);
  });

  test("that several sources would repeat of the one ledger is said once", () => {
    const two = policyOf(
      "sources: { a: { type: postgres, url: { secret: A }, every: 24h }, b: { type: postgres, url: { secret: B }, every: 24h } }",
    );
    expect(judged(seen({ findings: [other("ledger-broken")] }), two).findings).toHaveLength(1);
  });
});

describe("what may be called well again", () => {
  const subjects = (situation: Situation) => [...judged(situation).recoveries.keys()];

  test("a source with all its stores, with the evidence", () => {
    expect(judged({ snapshots: [fine] }).recoveries.get("source:database")).toBe(
      `The last good backup of "database" is ${fine.id} of 2026-11-23 11:00 UTC, which passed verification (restored). A restore was last proven on 2026-11-23 12:00 UTC.`,
    );
  });

  test("not a source of which a store did not answer", () => {
    expect(subjects(copies([fine], [], { error: { sentence: "", remedy: "" } }))).toEqual([]);
  });

  test("a job that ran, not one that was skipped or that nobody told of", () => {
    expect(subjects({ snapshots: [fine], jobs: [job({})] })).toContain("job:backup");
    expect(subjects({ snapshots: [fine], jobs: [job({ result: "skipped" })] })).toEqual(["source:database"]);
  });

  test("the ledger only where there is one", () => {
    expect(subjects({ snapshots: [fine], hasLedger: true })).toContain("ledger");
    expect(subjects({ snapshots: [fine] })).not.toContain("ledger");
  });

  test("schedules that GitHub told of", () => {
    expect(subjects({ snapshots: [fine], workflows: [workflow({})] })).toContain("schedule:backup.yml");
  });
});

test("the policy under test states what the table relies on", () => {
  expect(daily).toMatchObject({ alerts: { graceMs: 30 * minuteMs }, verify: { restoreMs: 7 * dayMs } });
});
