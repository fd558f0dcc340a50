/** What a policy accepts by name although it could not be proven; it stays visible in every report. */
import type { ComponentVerdict, Finding } from "./findings.ts";

/**
 * A waiver is a component's name (`large-objects`), `extension:NAME`, `language:NAME`, or what a finding is about
 * (`index:public.cities_name_key`). It turns not-verified into passed, and failed only where the source alone is at
 * fault: what is wrong with a backup cannot be waived.
 */
export function applyWaivers(
  components: readonly ComponentVerdict[],
  waive: readonly string[],
): readonly ComponentVerdict[] {
  return components.map((component) => {
    const findings = component.findings.map((finding) =>
      isWaived(component, finding, waive) ? waived(finding) : finding,
    );
    const isLevel = (wanted: Finding["level"]): boolean => findings.some(({ level }) => level === wanted);
    // A component that failed, or was not verified, without a finding that says why stays as it is.
    const [failed, unproven] = [isLevel("error"), isLevel("warning")];
    const changed = findings.some((finding, index) => finding !== component.findings[index]);
    const verdict = failed ? "failed" : unproven ? "not-verified" : "passed";
    return { ...component, findings, verdict: changed ? verdict : component.verdict };
  });
}

function isWaived({ component }: ComponentVerdict, finding: Finding, waive: readonly string[]): boolean {
  // What did not run at all is not waived by a name: `trust-contents` lets it run.
  if (component === "isolation" || finding.level === "info") return false;
  if (finding.level === "error" && finding.fault !== "source") return false;
  if (finding.about !== undefined && waive.includes(finding.about)) return true;
  return waive.some((waiver) => {
    const [, kind, name] = /^(extension|language):(.+)$/.exec(waiver) ?? [];
    if (kind === undefined) return waiver === component;
    const word = kind === "extension" ? "Extension" : "Language";
    return finding.code.startsWith(`${kind}-`) && finding.sentence.startsWith(`${word} ${name ?? ""} `);
  });
}

function waived(finding: Finding): Finding {
  return {
    ...finding,
    level: "info",
    sentence: `Waived: ${finding.sentence}`,
    publicSentence: `Waived: ${finding.publicSentence}`,
  };
}
