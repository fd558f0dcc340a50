import { availableParallelism } from "node:os";
import { backUpDatabase } from "../../operations/back-up-database.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { runnerSurroundings } from "../surroundings.ts";
import { dbBackupInputs } from "./inputs.ts";
import { reportBackup } from "./report.ts";

export async function dbBackup(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(dbBackupInputs);
  runner.about({ source: inputs.source, kind: "database" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const report = await backUpDatabase({ ...inputs, cores: availableParallelism() }, surroundings);
  for (const finding of report.findings) runner.logger.warning(`${finding.publicSentence} ${finding.remedy}`);
  return reportBackup(report, surroundings.store.address);
}
