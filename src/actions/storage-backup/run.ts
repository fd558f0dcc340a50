import { backUpStorage } from "../../operations/back-up-storage.ts";
import { joinStorageShards } from "../../operations/join-storage.ts";
import { backUpStorageShard } from "../../operations/shard-storage.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import type { Finding } from "../../verification/findings.ts";
import { endOfLedger } from "../../ledger/end.ts";
import { inPublic } from "../../verification/findings.ts";
import { copyAfterBackup, doneBackup, openCopies, inputFindings, withCopies } from "../copies.ts";
import { withBackedUpApi } from "../project.ts";
import { choosePolicySource } from "../policy-source.ts";
import { policyMeans, runnerSurroundings } from "../surroundings.ts";
import { backupLedger, backupTrustOf, githubOf } from "../trust-inputs.ts";
import { actOfRun, witnessed } from "../witnessed.ts";
import { storageBackupInputs } from "./inputs.ts";
import { reportShard, reportStorageBackup } from "./report.ts";

export async function storageBackup(runner: Runner): Promise<ActionResult> {
  const chosen = await choosePolicySource("supabase-storage", policyMeans(runner));
  const inputs = runner.readInputs((read) => storageBackupInputs(read, chosen));
  runner.about({ source: inputs.source, kind: "storage" });
  const surroundings = await runnerSurroundings(runner, inputs);
  const { address } = surroundings.store;
  const { part } = inputs;
  const ledger = backupLedger(inputs, {
    ...surroundings,
    github: githubOf(runner.context, inputs.store.token),
  });
  const act = actOfRun(
    "storage-backup",
    { source: inputs.source, store: surroundings.store },
    runner.context,
  );
  const trust = backupTrustOf(inputs, ledger);
  if (part.kind === "shard") {
    const means = withBackedUpApi(surroundings, inputs.connection, inputs);
    return await witnessed(ledger, { ...act, act: "storage-backup-shard" }, surroundings, async () => {
      const report = warned(await backUpStorageShard({ ...inputs, trust }, part.shard, means), runner);
      return { result: reportShard(report, address), findings: report.findings };
    });
  }
  const copies = openCopies(inputs.copyTo, surroundings);
  return await witnessed(ledger, act, surroundings, async () => {
    const request = { ...inputs, trust, seenLedger: await endOfLedger(ledger, runner.logger) };
    const report =
      part.kind === "join"
        ? await joinStorageShards(request, part.group, surroundings)
        : await backUpStorage(request, withBackedUpApi(surroundings, inputs.connection, inputs));
    const findings = [...inputFindings(inputs), ...report.findings];
    const result = reportStorageBackup(warned({ ...report, findings }, runner), address);
    const { id: snapshot } = report.snapshot;
    const copied = await copyAfterBackup(inputs, copies, surroundings, ledger);
    return doneBackup(withCopies(result, copied, snapshot), { snapshot, findings, copied, copies });
  });
}

/** Findings stand in the summary too, but who looks at a list of runs sees annotations only. */
function warned<T extends { readonly findings: readonly Finding[] }>(report: T, { logger }: Runner): T {
  for (const finding of report.findings) {
    if (finding.level !== "info") logger.warning(inPublic(finding));
  }
  return report;
}
