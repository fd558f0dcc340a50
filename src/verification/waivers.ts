/** What a policy accepts by name although it could not be proven; it stays visible in every report. */
import type { ComponentVerdict, Finding } from "./findings.ts";

/**
 * A waiver is a component's name (`large-objects`), `extension:NAME` or `language:NAME`. It turns not-verified into passed, never
 * failed: what is known to be wrong cannot be waived.
 */
export function applyWaivers(
  components: readonly ComponentVerdict[],
  waive: readonly string[],
): readonly ComponentVerdict[] {
  return components.map((component) => {
    const findings = component.findings.map((finding) =>
      isWaived(component, finding, waive) ? waived(finding) : finding,
    );
    const unproven = findings.some(({ level }) => level === "warning");
    return {
      ...component,
      findings,
      verdict: component.verdict === "not-verified" && !unproven ? "passed" : component.verdict,
    };
  });
}

function isWaived({ component }: ComponentVerdict, finding: Finding, waive: readonly string[]): boolean {
  // What did not run at all is not waived by a name: `trust-contents` lets it run.
  if (finding.level !== "warning" || component === "isolation") return false;
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
