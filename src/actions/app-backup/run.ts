import { backUpApplication } from "../../operations/back-up-application.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { endOfLedger } from "../../ledger/end.ts";
import { inPublic } from "../../verification/findings.ts";
import { copyAfterBackup, doneBackup, openCopies, inputFindings, withCopies } from "../copies.ts";
import { choosePolicySource } from "../policy-source.ts";
import { managementApi } from "../project.ts";
import { policyMeans, runnerSurroundings } from "../surroundings.ts";
import { backupLedger, githubOf } from "../trust-inputs.ts";
import { actOfRun, witnessed } from "../witnessed.ts";
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
  const ledger = backupLedger(inputs, {
    ...surroundings,
    github: githubOf(runner.context, inputs.store.token),
  });
  const act = actOfRun("app-backup", { source: inputs.source, store: surroundings.store }, runner.context);
  return await witnessed(ledger, act, surroundings, async () => {
    const seenLedger = await endOfLedger(ledger, runner.logger);
    const report = await backUpApplication({ ...inputs, settings, project, seenLedger }, surroundings);
    const findings = [...inputFindings(inputs), ...report.findings];
    for (const finding of findings)
      runner.logger[finding.level === "info" ? "info" : "warning"](inPublic(finding));
    const result = reportApplicationBackup({ ...report, findings }, surroundings.store.address);
    const { id: snapshot } = report.snapshot;
    const copied = await copyAfterBackup(inputs, copies, surroundings, ledger);
    return doneBackup(withCopies(result, copied, snapshot), { snapshot, findings, copied, copies });
  });
}
