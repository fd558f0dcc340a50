/** What is wrong with a policy file: all of it at once, each with its place and its cure. */
import { LifeboatError } from "../errors.ts";

export interface PolicyProblem {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units as editors count. */
  readonly column: number;
  /** `sources.database.every`; empty for the whole file. */
  readonly path: string;
  /** Never repeats a value that could be a secret. */
  readonly sentence: string;
  readonly cure: string;
}

export function describeProblem(problem: PolicyProblem, file: string): string {
  const path = problem.path === "" ? "" : `${problem.path} `;
  return `${file}:${problem.line}:${problem.column}: ${path}${problem.sentence} ${problem.cure}`.trim();
}

/** One `policy-invalid` with every problem. */
export function policyError(problems: readonly PolicyProblem[], file: string): LifeboatError {
  const lines = problems.map((problem) => `- ${describeProblem(problem, file)}`);
  const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
  return new LifeboatError("policy-invalid", `The policy has ${count}:\n${lines.join("\n")}`);
}
