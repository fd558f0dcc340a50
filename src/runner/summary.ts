/** The job summary: GitHub drops one over 1 MiB as a whole, so a long one is cut at a line and says so. */
import { appendFileSync, statSync } from "node:fs";
import type { Secrets } from "./secrets.ts";

const largestSummaryBytes = 1024 * 1024;
const notice =
  "\n\n> [!NOTE]\n> This summary was longer than GitHub's limit of 1 MiB. The rest is not shown; the outputs and the log have it all.\n";

/** Appends to the step's summary; does nothing where `summaryFile` is unset (outside a runner). */
export function writeSummary(summaryFile: string | undefined, markdown: string, secrets: Secrets): void {
  if (summaryFile === undefined || markdown === "") return;
  const written = statSync(summaryFile, { throwIfNoEntry: false })?.size ?? 0;
  appendFileSync(summaryFile, fitSummary(`${secrets.redact(markdown)}\n`, largestSummaryBytes - written));
}

/** `markdown` in at most `roomBytes` of UTF-8, cut between lines. */
export function fitSummary(markdown: string, roomBytes: number): string {
  if (Buffer.byteLength(markdown) <= roomBytes) return markdown;
  const room = roomBytes - Buffer.byteLength(notice);
  if (room < 0) return "";
  const kept = Buffer.from(markdown).subarray(0, room);
  const end = kept.lastIndexOf("\n");
  return kept.subarray(0, Math.max(end, 0)).toString("utf8") + notice;
}
