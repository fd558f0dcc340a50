/** What was appended to the ledger, as outputs, summary and record; pure. */
import { LifeboatError } from "../../errors.ts";
import type { HandoverReport } from "../../ledger/handed-on.ts";
import type { ActionResult } from "../../runner/run-action.ts";

export function reportHandover({ appended, known, refused }: HandoverReport): ActionResult {
  const error = handoverError(refused);
  return {
    outputs: { appended: String(appended.length) },
    summary: [
      `## ${error === undefined ? "✅" : "❌"} ${appended.length} records in the ledger`,
      ["| act | source | outcome |", "|---|---|---|", ...appended.map(row)].join("\n"),
    ].join("\n\n"),
    record: { numbers: { appended: appended.length, known, refused } },
    ...(error === undefined ? {} : { error }),
  };
}

function row({ act, source, outcome = "" }: HandoverReport["appended"][number]): string {
  return `| ${act} | ${source} | ${outcome} |`;
}

/** Nothing of such a file is repeated: it is somebody else's text. */
export function handoverError(refused: number): LifeboatError | undefined {
  if (refused === 0) return undefined;
  const sentence = `${refused} files are not what a verification or a drill hands on, and were not believed.`;
  return new LifeboatError("entries-refused", sentence);
}
