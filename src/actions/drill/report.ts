/** A drill's report as outputs, summary, record and exit code; pure. */
import { LifeboatError } from "../../errors.ts";
import type { DrillReport } from "../../operations/drill-report.ts";
import { renderDrill } from "../../operations/render-drill.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import type { DrillKind } from "../../snapshot/drill-evidence.ts";
import type { ComponentVerdict, Finding } from "../../verification/findings.ts";

export function reportDrill(report: DrillReport): ActionResult {
  const error = drillError(report);
  return {
    outputs: { verdict: report.verdict, kind: report.kind, drill: report.id },
    summary: renderDrill(report),
    record: {
      store: report.store,
      verdict: report.verdict,
      numbers: {
        sources: report.sources.length + report.undrilled.length,
        drilled: report.sources.length,
        seconds: report.seconds,
      },
    },
    ...(error === undefined ? {} : { error }),
  };
}

export function reportDue(due: readonly DrillKind[]): ActionResult {
  const words = due.length === 0 ? "No drill is due." : `Due: ${due.join(", ")}.`;
  return {
    outputs: { due: JSON.stringify(due) },
    summary: `## Lifeboat drills\n\n${words}`,
    record: { numbers: { due: due.length } },
  };
}

/** Bad is exit 3, unprovable is exit 4. */
export function drillError(report: DrillReport): LifeboatError | undefined {
  const { verdict, undrilled } = report;
  if (verdict === "passed") return undefined;
  const troubled = componentsOf(report).filter(({ component }) => component.verdict !== "passed");
  const findings: readonly Finding[] = [
    ...undrilled.map(({ finding }) => finding),
    ...troubled.flatMap(({ component }) => component.findings),
  ].filter(({ level }) => level !== "info");
  const inside = findings.map(({ sentence }) => sentence).join("\n");
  const names = [
    ...undrilled.map(({ source }) => source),
    ...troubled.map(({ name, component }) => `${name}: ${component.component}`),
  ].join(", ");
  if (verdict === "not-verified") {
    return new LifeboatError("not-verified", `Parts of the drill could not be proven (${names}).`, {
      inside,
    });
  }
  const first = findings.find(({ level }) => level === "error");
  return new LifeboatError("drill-failed", `The drill failed (${names}): ${first?.publicSentence ?? ""}`, {
    inside,
  });
}

export function componentsOf({
  sources,
  between,
}: DrillReport): readonly { readonly name: string; readonly component: ComponentVerdict }[] {
  return [
    ...sources.flatMap(({ source, examined }) =>
      examined.components.map((component) => ({ name: source.name, component })),
    ),
    ...between.map((component) => ({ name: "between sources", component })),
  ];
}
