/** Small snapshots in real stores, committed by the code that commits real ones, and pruned by the code that prunes. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { newestHeads } from "../../../src/operations/history.ts";
import type { Trust } from "../../../src/operations/vouched-documents.ts";
import type { PruneReport } from "../../../src/operations/prune-report.ts";
import { type PruneRequest, pruneSnapshots } from "../../../src/operations/prune-snapshots.ts";
import { calendarOf } from "../../../src/policy/calendar.ts";
import type { Retention } from "../../../src/policy/policy.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { evidenceKey } from "../../../src/snapshot/keys.ts";
import { parseSigningKey, publicKeyPem, type SigningKey } from "../../../src/snapshot/signature.ts";
import { writeSignedDocument } from "../../../src/snapshot/signed-document.ts";
import {
  readSnapshotJson,
  type SeenLedger,
  type SnapshotJson,
  type Tier,
  writeSnapshotJson,
} from "../../../src/snapshot/snapshot-json.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Clock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import type { Verdict } from "../../../src/verification/findings.ts";
import type { VerifyLevel } from "../../../src/verification/levels.ts";
import { streamOf } from "../../contract/material.ts";
import { proofOfBytes } from "../../../src/store/proof.ts";

export const dayMs = 24 * 3600 * 1000;
export const source = "database";
export const by = { name: "somebody" };

/** A clock that tests turn. */
export interface TestClock extends Clock {
  at: Date;
}

export function clockAt(moment: string | Date): TestClock {
  const clock = { at: new Date(moment), now: () => new Date(clock.at), elapsedMs: () => performance.now() };
  return clock;
}

export function newSigningKey(): { readonly key: SigningKey; readonly signer: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  const key = parseSigningKey(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  return { key, signer: publicKeyPem(key) };
}

export interface Told {
  readonly tiers?: readonly Tier[];
  readonly totals?: Partial<SnapshotJson["totals"]>;
  readonly key?: SigningKey | undefined;
  readonly kind?: SnapshotJson["kind"];
  readonly source?: string;
  readonly seenLedger?: SeenLedger | undefined;
}

/** One backup from its look at the history to its commit. */
export async function backUp(store: Store, moment: Date, told: Told = {}): Promise<SnapshotJson> {
  const of = told.source ?? source;
  const history = await newestHeads(store, of);
  const id = newSnapshotId(moment);
  const draft = await store.begin({ source: of, id });
  const part = randomBytes(64);
  await draft.put("data.zst.age", streamOf(part));
  const header = { length: 16, sha256: proofOfBytes(part.subarray(0, 16)).sha256 };
  const payload = { length: 48, sha256: proofOfBytes(part.subarray(16)).sha256 };
  const time = moment.toISOString();
  const bytes = writeSnapshotJson(
    {
      id,
      source: of,
      kind: told.kind ?? "database",
      state: "whole",
      tiers: [...(told.tiers ?? ["daily"])],
      times: { started: time, snapshot: time, finished: time },
      versions: { lifeboat: "0.1.0" },
      recipients: [],
      totals: {
        tables: 20,
        rows: 1000,
        objects: 0,
        rawBytes: 2_000_000,
        sealedBytes: 400_000,
        ...told.totals,
      },
      packs: [],
      heads: [...history.heads],
      seen: [...history.seen],
      ...(told.seenLedger === undefined ? {} : { ledger: told.seenLedger }),
      files: [{ name: "data.zst.age", header, payload }],
    },
    told.key,
  );
  await draft.commit(bytes);
  return readSnapshotJson(bytes, { source: of, id });
}

/** What a verification leaves. */
export async function verified(
  store: Store,
  snapshot: SnapshotJson,
  {
    level = "unsealed",
    verdict = "passed",
    key,
    at,
  }: {
    level?: VerifyLevel;
    verdict?: Verdict;
    key?: SigningKey | undefined;
    at?: Date;
  } = {},
): Promise<Uint8Array> {
  const time = at ?? new Date(Date.parse(snapshot.times.finished) + 600_000);
  const bytes = writeSignedDocument(
    {
      evidenceVersion: 1,
      source: snapshot.source,
      snapshot: snapshot.id,
      snapshotSha256: snapshot.sha256,
      level,
      verdict,
      time: time.toISOString(),
    },
    key,
  );
  await store.put(evidenceKey(snapshot.source, snapshot.id, time, randomBytes(4).toString("hex")), bytes);
  return bytes;
}

export const dailyWeek: Retention = { tiers: { daily: 7 * dayMs }, keepAtLeast: 2 };
export const nobody: Trust = { signers: [] };

/** For clocks of tests: a folder dates its files by the real one, which would be told apart from theirs. */
export function timeless(store: Store): Store {
  return { ...store, serverTime: () => Promise.resolve(undefined) };
}

export function prune(store: Store, clock: Clock, told: Partial<PruneRequest> = {}): Promise<PruneReport> {
  return pruneSnapshots(
    {
      source,
      trust: nobody,
      retention: dailyWeek,
      calendar: calendarOf("UTC"),
      dryRun: false,
      signingKey: undefined,
      by,
      ...told,
    },
    { store, clock, logger: silentLogger, signal: AbortSignal.any([]) },
  );
}

export async function idsIn(store: Store): Promise<readonly string[]> {
  return (await store.snapshots(source)).snapshots.map(({ id }) => id);
}
