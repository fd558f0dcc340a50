import { onlySource } from "../../operations/list-snapshots.ts";
import { restoreApplication } from "../../operations/restore-application.ts";
import { restoreBuckets } from "../../operations/restore-buckets.ts";
import { restoreProjectSettings } from "../../operations/restore-project-settings.ts";
import { restoreSnapshot } from "../../operations/restore-snapshot.ts";
import { runnerHook } from "../../runner/hook.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import type { Finding } from "../../verification/findings.ts";
import { bucketTarget, managementApi } from "../project.ts";
import { choosePolicySource } from "../policy-source.ts";
import { policyMeans, runnerSurroundings } from "../surroundings.ts";
import { githubOf, trustOf } from "../trust-inputs.ts";
import { actOfRun, type Done, witnessed } from "../witnessed.ts";
import { requireAnotherActor } from "./another-actor.ts";
import { restoredType, restoreInputs } from "./inputs.ts";
import { reportApplicationRestore } from "./report-application.ts";
import { reportBucketRestore } from "./report-buckets.ts";
import { projectRestoreFindings, reportProjectRestore } from "./report-project.ts";
import { reportRestore } from "./report.ts";

export async function restore(runner: Runner): Promise<ActionResult> {
  const means = policyMeans(runner);
  const chosen = await choosePolicySource(runner.readInputs(restoredType), means);
  const inputs = runner.readInputs((read) => restoreInputs(read, chosen));
  if (chosen?.policy.restore.anotherActor === true && !inputs.dryRun) {
    await requireAnotherActor(inputs.planHash, runner.context, inputs.store.token);
  }
  const surroundings = await runnerSurroundings(runner, inputs);
  const { address } = surroundings.store;
  const source = await onlySource(surroundings.store, inputs.source, inputs.kind);
  runner.about({ source, kind: inputs.kind });
  const { disclosure } = runner.context;
  const trust = trustOf(inputs.trust, [], {
    ...surroundings,
    github: githubOf(runner.context, inputs.store.token),
  });
  const act = actOfRun("restore", { source, store: surroundings.store }, runner.context);
  return await witnessed(inputs.dryRun ? undefined : trust.ledger, act, surroundings, async () => {
    if (inputs.kind === "storage") {
      const target = bucketTarget(inputs.target, inputs.jobs, surroundings);
      const report = await restoreBuckets({ ...inputs, source, target, trust }, surroundings);
      return doneOf(reportBucketRestore(report, address, disclosure), report.restored?.findings);
    }
    if (inputs.kind === "application") {
      const { project, folder } = { folder: "", ...inputs.target };
      if (project !== undefined) {
        const api = managementApi(project, runner.context.supabaseApiUrl, surroundings);
        const report = await restoreProjectSettings({ ...inputs, source, trust, api }, surroundings);
        const result = reportProjectRestore(report, address, disclosure);
        return doneOf(result, projectRestoreFindings(report));
      }
      const report = await restoreApplication({ ...inputs, folder, source, trust }, surroundings);
      return doneOf(reportApplicationRestore(report, address), report.findings);
    }
    const report = await restoreSnapshot(
      { ...inputs, source, trust },
      { ...surroundings, beforeRestore: surroundings, runHook: runnerHook(runner.logger) },
    );
    return doneOf(reportRestore(report, address, disclosure), report.restored?.findings);
  });
}

function doneOf(result: ActionResult, findings: readonly Finding[] = []): Done<ActionResult> {
  return { result, snapshot: result.record.snapshot, findings };
}
