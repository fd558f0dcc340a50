import { onlySource } from "../../operations/list-snapshots.ts";
import { restoreApplication } from "../../operations/restore-application.ts";
import { restoreBuckets } from "../../operations/restore-buckets.ts";
import { restoreSnapshot } from "../../operations/restore-snapshot.ts";
import { runnerHook } from "../../runner/hook.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { bucketTarget } from "../project.ts";
import { runnerSurroundings } from "../surroundings.ts";
import { restoreInputs } from "./inputs.ts";
import { reportApplicationRestore } from "./report-application.ts";
import { reportBucketRestore } from "./report-buckets.ts";
import { reportRestore } from "./report.ts";

export async function restore(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(restoreInputs);
  const surroundings = await runnerSurroundings(runner, inputs);
  const { address } = surroundings.store;
  const source = await onlySource(surroundings.store, inputs.source, inputs.kind);
  runner.about({ source, kind: inputs.kind });
  const { disclosure } = runner.context;
  if (inputs.kind === "storage") {
    const target = bucketTarget(inputs.target, inputs.jobs, surroundings);
    const report = await restoreBuckets({ ...inputs, source, target }, surroundings);
    return reportBucketRestore(report, address, disclosure);
  }
  if (inputs.kind === "application") {
    return reportApplicationRestore(await restoreApplication({ ...inputs, source }, surroundings), address);
  }
  const report = await restoreSnapshot(
    { ...inputs, source },
    { ...surroundings, runHook: runnerHook(runner.logger) },
  );
  return reportRestore(report, address, disclosure);
}
