import { availableParallelism } from "node:os";
import { backUpDatabase } from "../../operations/back-up-database.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { copyAfterBackup, openCopies, inputFindings, withCopies } from "../copies.ts";
import { choosePolicySource } from "../policy-source.ts";
import { policyMeans, runnerSurroundings } from "../surroundings.ts";
import { dbBackupInputs } from "./inputs.ts";
import { reportBackup } from "./report.ts";

export async function dbBackup(runner: Runner): Promise<ActionResult> {
  const chosen = await choosePolicySource("postgres", policyMeans(runner));
  const inputs = runner.readInputs((read) => dbBackupInputs(read, chosen));
  runner.about({ source: inputs.source, kind: "database" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const copies = openCopies(inputs.copyTo, surroundings);
  const report = await backUpDatabase({ ...inputs, cores: availableParallelism() }, surroundings);
  const findings = [...inputFindings(inputs), ...report.findings];
  for (const finding of findings) runner.logger.warning(`${finding.publicSentence} ${finding.remedy}`);
  const copied = await copyAfterBackup(inputs.source, copies, surroundings);
  return withCopies(
    reportBackup({ ...report, findings }, surroundings.store.address),
    copied,
    report.snapshot.id,
  );
}
