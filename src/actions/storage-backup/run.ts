import { backUpStorage } from "../../operations/back-up-storage.ts";
import { joinStorageShards } from "../../operations/join-storage.ts";
import { backUpStorageShard } from "../../operations/shard-storage.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import type { Finding } from "../../verification/findings.ts";
import { withBackedUpApi } from "../project.ts";
import { runnerSurroundings } from "../surroundings.ts";
import { storageBackupInputs } from "./inputs.ts";
import { reportShard, reportStorageBackup } from "./report.ts";

export async function storageBackup(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(storageBackupInputs);
  runner.about({ source: inputs.source, kind: "storage" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const { address } = surroundings.store;
  if (inputs.part.kind === "join") {
    const report = await joinStorageShards(inputs, inputs.part.group, surroundings);
    return reportStorageBackup(warned(report, runner), address);
  }
  const means = withBackedUpApi(surroundings, inputs.connection, inputs);
  if (inputs.part.kind === "shard") {
    return reportShard(warned(await backUpStorageShard(inputs, inputs.part.shard, means), runner), address);
  }
  return reportStorageBackup(warned(await backUpStorage(inputs, means), runner), address);
}

/** Findings stand in the summary too, but who looks at a list of runs sees annotations only. */
function warned<T extends { readonly findings: readonly Finding[] }>(report: T, { logger }: Runner): T {
  for (const { level, publicSentence, remedy } of report.findings) {
    if (level !== "info") logger.warning(`${publicSentence} ${remedy}`);
  }
  return report;
}
