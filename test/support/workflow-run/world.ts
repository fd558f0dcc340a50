/** What surrounds a workflow run: a repository, its secrets, its environments, and how actions are run. */
import type { FakeGitHub, FakeRun } from "../../fakes/github/index.ts";
import type { ActionStep } from "../actions.ts";
import type { StepEnd } from "../step.ts";

export interface World {
  readonly github: FakeGitHub;
  /** What `actions/checkout` copies. */
  readonly repository: string;
  readonly secrets: Readonly<Record<string, string>>;
  /** Secrets of environments; naming one that is not here is a mistake of the test. */
  readonly environments: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Runs `uses: $/actions/NAME`. */
  readonly action: (name: string, step: ActionStep) => Promise<StepEnd>;
}

export interface Start {
  readonly event: "schedule" | "workflow_dispatch" | "push";
  /** Of a dispatch. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly actor?: string;
  /** The file that started it, below the repository that runs it; by default the workflow itself. */
  readonly path?: string;
}

export type Result = "success" | "failure" | "skipped";

export interface StepRun {
  readonly id: string;
  /** `$/actions/plan`, `actions/checkout` or `run`. */
  readonly what: string;
  readonly result: Result;
  readonly outputs: Readonly<Record<string, string>>;
  readonly inputs: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
}

export interface JobRun {
  readonly matrix: unknown;
  readonly result: Result;
  readonly steps: readonly StepRun[];
}

export interface JobEnd {
  readonly result: Result;
  readonly outputs: Readonly<Record<string, string>>;
  /** One for each row of the matrix. */
  readonly runs: readonly JobRun[];
  /** Of a job that calls a workflow. */
  readonly called?: WorkflowEnd;
}

export interface WorkflowEnd {
  readonly result: Result;
  readonly run: FakeRun;
  readonly jobs: Readonly<Record<string, JobEnd>>;
}

/** What a workflow is told by who starts it. */
export interface Given {
  readonly world: World;
  readonly run: FakeRun;
  readonly event: string;
  readonly actor: string;
  readonly path: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** The rights of the calling job; absent: all. */
  readonly granted?: Readonly<Record<string, string>>;
}
