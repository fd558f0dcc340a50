import { backUpStorage } from "../../operations/back-up-storage.ts";
import { joinStorageShards } from "../../operations/join-storage.ts";
import { backUpStorageShard } from "../../operations/shard-storage.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { copyAfterBackup, openCopies, recipientFindings, withCopies } from "../copies.ts";
import { withStorageApi } from "../project.ts";
import { runnerSurroundings } from "../surroundings.ts";
import { storageBackupInputs } from "./inputs.ts";
import { reportShard, reportStorageBackup } from "./report.ts";

export async function storageBackup(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(storageBackupInputs);
  runner.about({ source: inputs.source, kind: "storage" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const { address } = surroundings.store;
  const { part } = inputs;
  if (part.kind === "shard") {
    const means = withStorageApi(surroundings, inputs.connection, inputs.jobs);
    return reportShard(await backUpStorageShard(inputs, part.shard, means), address);
  }
  const copies = openCopies(inputs.copyTo, surroundings);
  const report =
    part.kind === "join"
      ? await joinStorageShards(inputs, part.group, surroundings)
      : await backUpStorage(inputs, withStorageApi(surroundings, inputs.connection, inputs.jobs));
  const findings = [...recipientFindings(inputs), ...report.findings];
  const copied = await copyAfterBackup(inputs.source, copies, surroundings);
  return withCopies(reportStorageBackup({ ...report, findings }, address), copied, report.snapshot.id);
}
