/** How listing, planning and pruning's decision grow with the number of snapshots. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calendarOf } from "../src/policy/calendar.ts";
import { readPolicy } from "../src/policy/check.ts";
import { whatIsDue } from "../src/policy/due.ts";
import { anomaliesOf } from "../src/retention/anomaly.ts";
import { decideRetention } from "../src/retention/decide.ts";
import { newSnapshotId } from "../src/snapshot/ids.ts";
import { type ObservedSnapshot, observedSnapshot } from "../src/snapshot/observed.ts";
import {
  readSnapshotJson,
  type SnapshotJson,
  tiers,
  writeSnapshotJson,
} from "../src/snapshot/snapshot-json.ts";
import { directoryStore } from "../src/store/directory.ts";
import { systemClock } from "../src/system/clock.ts";
import { silentLogger } from "../src/system/logger.ts";
import { median } from "./statistics.ts";

const hourMs = 3_600_000;
const now = new Date("2026-11-23T03:00:00Z");

const policy = readPolicy(`version: 1
recipients: [age16wzeuu3vgv6prwug6t78d55uaxqyprlefhyuzcwzl0fjrqlm49jqtvva28, age14wa8ccjhwhfayhqem720t5h2ehydwa88edxwn9gdd9tumy8eeqdqpz7ev0]
stores: { archive: { type: s3, bucket: our-backups } }
retention: { hourly: 2d, daily: 30d, weekly: 90d, monthly: 1y, yearly: 7y }
sources: { database: { type: postgres, url: { secret: DATABASE_URL } } }
`).policy;

function fields(hoursAgo: number) {
  const moment = new Date(now.getTime() - hoursAgo * hourMs);
  const time = moment.toISOString();
  const extent = { length: 200, sha256: "0".repeat(64) };
  return {
    id: newSnapshotId(moment),
    source: "database",
    kind: "database" as const,
    state: "whole" as const,
    tiers: [...tiers],
    times: { started: time, snapshot: time, finished: time },
    versions: { lifeboat: "0.0.0" },
    recipients: ["0".repeat(16)],
    totals: { tables: 20, rows: 1_000_000, objects: 0, rawBytes: 2e9, sealedBytes: 4e8 },
    packs: [],
    heads: [],
    files: [{ name: "rest.zst.age", header: extent, payload: extent }],
  };
}

export interface Growth {
  readonly count: number;
  readonly listMs: number | undefined;
  readonly planMs: number;
  readonly decideMs: number;
}

export async function measureGrowth(count: number, rounds: number, listUpTo: number): Promise<Growth> {
  const all = Array.from({ length: count }, (_, index) => fields(count - index));
  const observed = all.map((one): ObservedSnapshot => {
    const verified = { level: "unsealed", verdict: "passed", time: now, isTrusted: true } as const;
    return observedSnapshot({ formatVersion: 1, sha256: "", ...one } satisfies SnapshotJson, {
      evidence: [verified],
    });
  });
  const calendar = calendarOf("Etc/UTC");
  const times = { plan: [] as number[], decide: [] as number[], list: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    times.plan.push(
      await elapsed(() => whatIsDue({ policy, snapshots: new Map([["database", observed]]), now })),
    );
    times.decide.push(
      await elapsed(() => {
        anomaliesOf({ snapshots: observed, now });
        decideRetention({ snapshots: observed, retention: policy.retention, calendar, now });
      }),
    );
  }
  if (count <= listUpTo) times.list.push(...(await listing(all, rounds)));
  return {
    count,
    listMs: times.list.length === 0 ? undefined : median(times.list),
    planMs: median(times.plan),
    decideMs: median(times.decide),
  };
}

async function listing(
  all: readonly ReturnType<typeof fields>[],
  rounds: number,
): Promise<readonly number[]> {
  const path = await mkdtemp(join(tmpdir(), "lifeboat-bench-list-"));
  try {
    for (const one of all) {
      const folder = join(path, "snapshots/database", one.id);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "snapshot.json"), writeSnapshotJson(one));
    }
    const store = directoryStore({ path, clock: systemClock, logger: silentLogger });
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      times.push(
        await elapsed(async () => {
          const { snapshots } = await store.snapshots("database");
          for (const { id, snapshotJson } of snapshots) {
            readSnapshotJson(snapshotJson, { source: "database", id });
          }
          if (snapshots.length !== all.length) throw new Error("The listing is not complete.");
        }),
      );
    }
    return times;
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

async function elapsed(work: () => unknown): Promise<number> {
  const startedMs = systemClock.elapsedMs();
  await work();
  return systemClock.elapsedMs() - startedMs;
}
