/** The funnel's own small programs, started as steps. */
import { fileURLToPath } from "node:url";
import { runStep as run, type Step as AnyStep, type StepEnd } from "../../support/step.ts";

export type { StepEnd };

export interface Step extends AnyStep {
  /** A file in entries/. */
  readonly entry: string;
}

export function runStep(step: Step): Promise<StepEnd> {
  return run({ ...step, entry: fileURLToPath(new URL(`entries/${step.entry}`, import.meta.url)) });
}
