/** A verification's report as outputs, summary, record and exit code; pure. */
import { LifeboatError } from "../../errors.ts";
import { documentErrorOf, historyErrorOf } from "../../operations/check-history.ts";
import type { VerifyReport } from "../../operations/verify-snapshot.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import type { ComponentVerdict } from "../../verification/findings.ts";
import { findingsList, table } from "../markdown.ts";

const signs = { passed: "✅", failed: "❌", "not-verified": "⚠️" } as const;

export function reportVerification(report: VerifyReport, store: string): ActionResult {
  const { snapshot, level, verdict, seconds } = report;
  const error = verificationError(report);
  return {
    outputs: { verdict, level, snapshot: snapshot.id, source: snapshot.source },
    summary: [
      `## ${signs[verdict]} ${title(report)}`,
      table([
        ["Snapshot", `\`${snapshot.id}\` of "${snapshot.source}"`],
        ["Level", level],
        ["Verdict", verdict],
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      ["| component | checked | verdict |", "|---|---:|---|", ...report.components.map(row)].join("\n"),
      ...findingsList([...report.findings, ...report.components.flatMap(({ findings }) => findings)]),
    ].join("\n\n"),
    record: {
      source: snapshot.source,
      kind: snapshot.kind,
      snapshot: snapshot.id,
      store,
      verdict,
      numbers: { components: report.components.length, seconds },
    },
    ...(error === undefined ? {} : { error }),
  };
}

function row({ component, checked, verdict }: ComponentVerdict): string {
  return `| ${component} | ${checked} | ${signs[verdict]} ${verdict} |`;
}

function title({ verdict, level }: VerifyReport): string {
  if (verdict === "failed") return "This backup is bad";
  if (level === "stored" && verdict === "not-verified") return "Stored unchanged, not opened";
  return verdict === "passed" ? `Verified: ${level}` : "Not everything could be verified";
}

/** A bad snapshot first; a good one whose history does not hold is bad news too. */
export function verificationError(report: VerifyReport): LifeboatError | undefined {
  return verdictError(report) ?? historyErrorOf(report.findings) ?? damageError(report);
}

/** A newer Lifeboat's document says nothing against this snapshot. */
function damageError({ findings }: VerifyReport): LifeboatError | undefined {
  const error = documentErrorOf(findings);
  return error?.exitCode === 3 ? error : undefined;
}

/**
 * Bad is exit 3, unprovable is exit 4. Level `stored` that found every byte unchanged has done what was asked,
 * although its verdict stays not-verified.
 */
function verdictError({ snapshot, level, verdict, components }: VerifyReport): LifeboatError | undefined {
  const troubled = components.filter(
    (component) => component.verdict === "failed" || component.verdict === "not-verified",
  );
  const findings = troubled.flatMap((component) => component.findings);
  const names = troubled.map(({ component }) => component).join(", ");
  if (verdict === "failed") {
    const errors = findings.filter((finding) => finding.level === "error");
    const [first] = errors;
    const inside = findings.map(({ sentence }) => sentence).join("\n");
    if (errors.length > 0 && errors.every(({ fault }) => fault === "source")) {
      return new LifeboatError(
        "source-contradictory",
        `The source of snapshot ${snapshot.id} contradicts itself (${names}): ${first?.publicSentence ?? ""}`,
        { inside },
      );
    }
    return new LifeboatError(
      "backup-bad",
      `Snapshot ${snapshot.id} is bad (${names}): ${first?.publicSentence ?? ""}`,
      {
        inside: findings.map(({ sentence }) => sentence).join("\n"),
      },
    );
  }
  if (verdict === "passed" || (level === "stored" && troubled.length === 0)) return undefined;
  return new LifeboatError(
    "not-verified",
    `Parts of snapshot ${snapshot.id} could not be verified: ${names}.`,
    {
      inside: findings.map(({ sentence }) => sentence).join("\n"),
    },
  );
}
