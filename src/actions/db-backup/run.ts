import { availableParallelism } from "node:os";
import { backUpDatabase } from "../../operations/back-up-database.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { copyAfterBackup, openCopies, recipientFindings, withCopies } from "../copies.ts";
import { runnerSurroundings } from "../surroundings.ts";
import { dbBackupInputs } from "./inputs.ts";
import { reportBackup } from "./report.ts";

export async function dbBackup(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(dbBackupInputs);
  runner.about({ source: inputs.source, kind: "database" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const copies = openCopies(inputs.copyTo, surroundings);
  const report = await backUpDatabase({ ...inputs, cores: availableParallelism() }, surroundings);
  const findings = [...recipientFindings(inputs), ...report.findings];
  for (const finding of findings) runner.logger.warning(`${finding.publicSentence} ${finding.remedy}`);
  const copied = await copyAfterBackup(inputs.source, copies, surroundings);
  return withCopies(
    reportBackup({ ...report, findings }, surroundings.store.address),
    copied,
    report.snapshot.id,
  );
}
