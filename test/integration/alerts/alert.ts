/** One alert for all channels, and the error of a channel as everybody and as its owner would read it. */
import { inspect } from "node:util";
import { type Alert, problemsOf } from "../../../src/alerts/alert.ts";
import { LifeboatError } from "../../../src/errors.ts";
import { monitorFinding } from "../../../src/monitoring/findings.ts";
import { reportError } from "../../../src/runner/error-report.ts";

export const findings = [
  monitorFinding(
    "backup-late",
    { kind: "source", name: "ledger-of-acme" },
    'The last good backup of "ledger-of-acme" is older than <24 h> & late.',
    "Start it – by hand.",
  ),
  monitorFinding("keys-overdue", { kind: "source", name: "files" }, "The keys are of last year.", "Rotate."),
];

export const alert: Alert = {
  place: {
    repository: "acme/app",
    runUrl: "https://github.example/acme/app/actions/runs/7",
    runbook: "https://github.example/acme/app/blob/HEAD/docs/runbook.md",
  },
  problems: problemsOf(findings),
  news: problemsOf(findings).slice(0, 1),
  recovered: [{ key: "job:backup/job-failed", evidence: "The job backup ended well." }],
};

export interface Failure {
  readonly error: LifeboatError;
  readonly sentence: string;
  /** Sentence, hint and causes as the log of a public repository has them. */
  readonly inPublic: string;
  /** The same where names may be shown, with everything that hangs on the error. */
  readonly inFull: string;
}

/** What `work` fails with; a work that ends well, or with an error of no kind of ours, fails the test. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (thrown) {
    if (!(thrown instanceof LifeboatError)) throw thrown;
    const words = (disclosure: "names" | "numbers"): string =>
      Object.values(reportError(thrown, disclosure)).flat().join("\n");
    return {
      error: thrown,
      sentence: thrown.message,
      inPublic: words("numbers"),
      inFull: `${words("names")}\n${inspect(thrown, { depth: Infinity, showHidden: true })}`,
    };
  }
  throw new Error("It did not fail.");
}

/** A `sleep` that takes no time and writes down how long it should have been. */
export function instantly(): { readonly waits: number[]; readonly sleep: (ms: number) => Promise<void> } {
  const waits: number[] = [];
  return {
    waits,
    sleep: (milliseconds) => {
      waits.push(milliseconds);
      return Promise.resolve();
    },
  };
}
