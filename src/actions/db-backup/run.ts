import { availableParallelism } from "node:os";
import { backUpDatabase } from "../../operations/back-up-database.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { endOfLedger } from "../../ledger/end.ts";
import { copyAfterBackup, doneBackup, openCopies, inputFindings, withCopies } from "../copies.ts";
import { choosePolicySource } from "../policy-source.ts";
import { policyMeans, runnerSurroundings } from "../surroundings.ts";
import { backupLedger, githubOf } from "../trust-inputs.ts";
import { inPublic } from "../../verification/findings.ts";
import { actOfRun, witnessed } from "../witnessed.ts";
import { dbBackupInputs } from "./inputs.ts";
import { reportBackup } from "./report.ts";

export async function dbBackup(runner: Runner): Promise<ActionResult> {
  const chosen = await choosePolicySource("postgres", policyMeans(runner));
  const inputs = runner.readInputs((read) => dbBackupInputs(read, chosen));
  runner.about({ source: inputs.source, kind: "database" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const copies = openCopies(inputs.copyTo, surroundings);
  const ledger = backupLedger(inputs, {
    ...surroundings,
    github: githubOf(runner.context, inputs.store.token),
  });
  const act = actOfRun("db-backup", { source: inputs.source, store: surroundings.store }, runner.context);
  return await witnessed(ledger, act, surroundings, async () => {
    const seenLedger = await endOfLedger(ledger, runner.logger);
    const cores = availableParallelism();
    const report = await backUpDatabase({ ...inputs, seenLedger, cores }, surroundings);
    const findings = [...inputFindings(inputs), ...report.findings];
    for (const finding of findings) {
      if (finding.level !== "info") runner.logger.warning(inPublic(finding));
    }
    const result = reportBackup({ ...report, findings }, surroundings.store.address);
    const { id: snapshot } = report.snapshot;
    const copied = await copyAfterBackup(inputs, copies, surroundings, ledger);
    return doneBackup(withCopies(result, copied, snapshot), { snapshot, findings, copied, copies });
  });
}
