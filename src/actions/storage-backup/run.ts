import { backUpStorage } from "../../operations/back-up-storage.ts";
import { joinStorageShards } from "../../operations/join-storage.ts";
import { backUpStorageShard } from "../../operations/shard-storage.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
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
    return reportStorageBackup(await joinStorageShards(inputs, inputs.part.group, surroundings), address);
  }
  const means = withBackedUpApi(surroundings, inputs.connection, inputs);
  if (inputs.part.kind === "shard") {
    return reportShard(await backUpStorageShard(inputs, inputs.part.shard, means), address);
  }
  return reportStorageBackup(await backUpStorage(inputs, means), address);
}
