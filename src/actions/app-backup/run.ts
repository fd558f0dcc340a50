import { backUpApplication } from "../../operations/back-up-application.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { runnerSurroundings } from "../surroundings.ts";
import { appBackupInputs } from "./inputs.ts";
import { reportApplicationBackup } from "./report.ts";

export async function appBackup(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(appBackupInputs);
  runner.about({ source: inputs.source, kind: "application" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const { apiUrl } = runner.context;
  const settings = inputs.settings === undefined ? undefined : { ...inputs.settings, apiUrl };
  const report = await backUpApplication({ ...inputs, settings }, surroundings);
  for (const finding of report.findings) runner.logger.warning(`${finding.publicSentence} ${finding.remedy}`);
  return reportApplicationBackup(report, surroundings.store.address);
}
