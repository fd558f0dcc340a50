import { backUpStorage } from "../../operations/back-up-storage.ts";
import { joinStorageShards } from "../../operations/join-storage.ts";
import { backUpStorageShard } from "../../operations/shard-storage.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import type { Finding } from "../../verification/findings.ts";
import { copyAfterBackup, openCopies, inputFindings, withCopies } from "../copies.ts";
import { withBackedUpApi } from "../project.ts";
import { choosePolicySource } from "../policy-source.ts";
import { policyMeans, runnerSurroundings } from "../surroundings.ts";
import { storageBackupInputs } from "./inputs.ts";
import { reportShard, reportStorageBackup } from "./report.ts";

export async function storageBackup(runner: Runner): Promise<ActionResult> {
  const chosen = await choosePolicySource("supabase-storage", policyMeans(runner));
  const inputs = runner.readInputs((read) => storageBackupInputs(read, chosen));
  runner.about({ source: inputs.source, kind: "storage" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const { address } = surroundings.store;
  const { part } = inputs;
  if (part.kind === "shard") {
    const means = withBackedUpApi(surroundings, inputs.connection, inputs);
    return reportShard(warned(await backUpStorageShard(inputs, part.shard, means), runner), address);
  }
  const copies = openCopies(inputs.copyTo, surroundings);
  const report =
    part.kind === "join"
      ? await joinStorageShards(inputs, part.group, surroundings)
      : await backUpStorage(inputs, withBackedUpApi(surroundings, inputs.connection, inputs));
  const found = warned({ ...report, findings: [...inputFindings(inputs), ...report.findings] }, runner);
  const copied = await copyAfterBackup(inputs.source, copies, surroundings);
  return withCopies(reportStorageBackup(found, address), copied, report.snapshot.id);
}

/** Findings stand in the summary too, but who looks at a list of runs sees annotations only. */
function warned<T extends { readonly findings: readonly Finding[] }>(report: T, { logger }: Runner): T {
  for (const { level, publicSentence, remedy } of report.findings) {
    if (level !== "info") logger.warning(`${publicSentence} ${remedy}`);
  }
  return report;
}
