import { onlySource } from "../../operations/list-snapshots.ts";
import { rotateKeys as rotate } from "../../operations/rotate-keys.ts";
import type { ActionResult, Runner } from "../../runner/run-action.ts";
import { runnerSurroundings } from "../surroundings.ts";
import { rotateKeysInputs } from "./inputs.ts";
import { reportRotation } from "./report.ts";

export async function rotateKeys(runner: Runner): Promise<ActionResult> {
  const inputs = runner.readInputs(rotateKeysInputs);
  const surroundings = await runnerSurroundings(runner, inputs);
  const source = await onlySource(surroundings.store, inputs.source);
  runner.about({ source });
  return reportRotation(await rotate({ ...inputs, source }, surroundings), surroundings.store.address);
}
