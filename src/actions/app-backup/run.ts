import { backUpApplication } from "../../operations/back-up-application.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { copyAfterBackup, openCopies, inputFindings, withCopies } from "../copies.ts";
import { choosePolicySource } from "../policy-source.ts";
import { managementApi } from "../project.ts";
import { policyMeans, runnerSurroundings } from "../surroundings.ts";
import { appBackupInputs } from "./inputs.ts";
import { reportApplicationBackup } from "./report.ts";

export async function appBackup(runner: Runner): Promise<ActionResult> {
  const chosen = await choosePolicySource("application", policyMeans(runner));
  const inputs = runner.readInputs((read) => appBackupInputs(read, chosen));
  runner.about({ source: inputs.source, kind: "application" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const { apiUrl, supabaseApiUrl } = runner.context;
  const settings = inputs.settings === undefined ? undefined : { ...inputs.settings, apiUrl };
  const project =
    inputs.project === undefined ? undefined : managementApi(inputs.project, supabaseApiUrl, surroundings);
  const copies = openCopies(inputs.copyTo, surroundings);
  const report = await backUpApplication({ ...inputs, settings, project }, surroundings);
  const findings = [...inputFindings(inputs), ...report.findings];
  for (const { level, publicSentence, remedy } of findings)
    runner.logger[level === "info" ? "info" : "warning"](`${publicSentence} ${remedy}`);
  const result = reportApplicationBackup({ ...report, findings }, surroundings.store.address);
  return withCopies(result, await copyAfterBackup(inputs.source, copies, surroundings), report.snapshot.id);
}
