/** A storage backup's report as outputs, summary and record; pure. Public, so it carries numbers only. */
import { LifeboatError } from "../../errors.ts";
import type { StorageBackupReport } from "../../operations/storage-backup.ts";
import type { ShardReport } from "../../operations/shard-storage.ts";
import { recordedFindings } from "../../runner/record.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import { findingsList, megabytes, table } from "../markdown.ts";

export function reportStorageBackup(report: StorageBackupReport, store: string): ActionResult {
  const { snapshot, account, seconds } = report;
  const { objects, rawBytes, sealedBytes } = snapshot.totals;
  const error = incompleteError(report) ?? report.error;
  return {
    outputs: {
      snapshot: snapshot.id,
      source: snapshot.source,
      state: snapshot.state,
      objects: String(objects),
      "fetched-objects": String(account.stored),
      "fetched-bytes": String(account.fetchedBytes),
      "sealed-bytes": String(sealedBytes),
    },
    summary: [
      snapshot.state === "whole" && error !== undefined
        ? `## ❌ Stored, but less than expected: buckets of "${snapshot.source}"`
        : error === undefined
          ? `## ✅ Backed up buckets of "${snapshot.source}"`
          : `## ❌ Incomplete: ${account.failed} of ${account.failed + objects} objects of "${snapshot.source}" could not be read`,
      table([
        ["Snapshot", `\`${snapshot.id}\` (${snapshot.state})`],
        ["Moment", snapshot.times.snapshot],
        ["Store", `\`${store}\``],
        ["Objects", `${objects}: ${account.stored} fetched, ${account.carried} unchanged`],
        ["Vanished while we read", String(account.vanished)],
        ["Failed", String(account.failed)],
        [
          "Size, sealed",
          `${megabytes(rawBytes)}, ${megabytes(sealedBytes)} in ${snapshot.packs.length} packs`,
        ],
        ["Fetched", `${megabytes(account.fetchedBytes)} into ${account.newPacks} packs`],
        ["Packs copied to last longer", String(account.copiedPacks)],
        ["Tiers", snapshot.tiers.join(", ")],
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      ...findingsList(report.findings),
      "Stored and read back byte by byte. Next: `verify` it at level `restored`; only a restore proves a backup.",
    ].join("\n\n"),
    record: {
      source: snapshot.source,
      kind: "storage",
      snapshot: snapshot.id,
      store,
      findings: recordedFindings(report.findings),
      numbers: { objects, rawBytes, sealedBytes, ...account, seconds },
    },
    ...(error === undefined ? {} : { error }),
  };
}

/** What is safe is safe, but a backup with holes must not look green. */
export function incompleteError({ snapshot, account }: StorageBackupReport): LifeboatError | undefined {
  if (snapshot.state === "whole") return undefined;
  return new LifeboatError(
    "storage-incomplete",
    `${account.failed} of ${account.failed + snapshot.totals.objects} objects could not be read; snapshot ${snapshot.id} holds the others and is marked incomplete.`,
  );
}

export function reportShard({ shard, findings, seconds }: ShardReport, store: string): ActionResult {
  const { account } = shard.storage;
  const { objects, rawBytes, fetchedBytes, newPacks } = shard.numbers;
  return {
    outputs: {
      source: shard.source,
      objects: String(objects),
      "fetched-objects": String(account.stored),
      "fetched-bytes": String(fetchedBytes),
    },
    summary: [
      `## ✅ Stored shard ${shard.number} of ${shard.count} of "${shard.source}"`,
      table([
        ["Store", `\`${store}\``],
        ["Objects", `${objects}: ${account.stored} fetched, ${account.carried} unchanged`],
        ["Failed", String(account.failed.length)],
        ["Size", megabytes(rawBytes)],
        ["Fetched", `${megabytes(fetchedBytes)} into ${newPacks} packs`],
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      ...findingsList(findings),
      "There is no snapshot yet: a job with `join: true` makes one of all shards.",
    ].join("\n\n"),
    record: {
      source: shard.source,
      kind: "storage",
      store,
      findings: recordedFindings(findings),
      numbers: { objects, rawBytes, fetchedBytes, shard: shard.number, shards: shard.count, seconds },
    },
  };
}
