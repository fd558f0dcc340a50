import { onlySource } from "../../operations/list-snapshots.ts";
import { restoreSnapshot } from "../../operations/restore-snapshot.ts";
import { runnerHook } from "../../runner/hook.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { runnerSurroundings } from "../surroundings.ts";
import { restoreInputs } from "./inputs.ts";
import { reportRestore } from "./report.ts";

export async function restore(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(restoreInputs);
  const surroundings = await runnerSurroundings(runner, inputs);
  const source = await onlySource(surroundings.store, inputs.source);
  runner.about({ source, kind: "database" });
  const report = await restoreSnapshot(
    { ...inputs, source },
    { ...surroundings, runHook: runnerHook(runner.logger) },
  );
  return reportRestore(report, surroundings.store.address, runner.context.disclosure);
}
