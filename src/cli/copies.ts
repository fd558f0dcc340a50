/** What the backup commands say of their further stores. */
import { copyError } from "../actions/copies.ts";
import type { CopyReport } from "../operations/copy-snapshots.ts";
import type { Finding } from "../verification/findings.ts";
import { storeLine } from "./copy-command.ts";
import type { Cli, CommandResult } from "./exit.ts";

export function withCopies(
  cli: Cli,
  result: CommandResult,
  report: CopyReport | undefined,
  snapshot: string,
): CommandResult {
  if (report === undefined) return result;
  tell(cli, report.findings);
  const error = result.error ?? copyError(report, snapshot);
  return {
    document: { ...(result.document as object), copies: report.stores },
    text: [result.text, ...report.stores.map((copy) => storeLine(copy))].join("\n"),
    ...(error === undefined ? {} : { error }),
  };
}

export function tell(cli: Cli, findings: readonly Finding[]): void {
  for (const { level, sentence, remedy } of findings) {
    if (level !== "info") cli.logger.warning(`${sentence} ${remedy}`);
  }
}
