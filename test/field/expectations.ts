/** What the routes came to, held against what the shapes expect. */
import type { Outcome } from "./routes.ts";
import type { Expected, Route, SqlShape } from "./shapes/shape.ts";

/** What is not as expected, in words that name it; empty where all is. */
export function differences(
  shapes: readonly SqlShape[],
  route: Route,
  { error, verdict, findings }: Outcome,
): readonly string[] {
  const expected = shapes.map((shape) => shape.expected?.[route] ?? {});
  const refusal = expected.find((one) => one.error !== undefined)?.error;
  if (refusal !== error)
    return [`${route}: ${error ?? "done"} instead of ${refusal ?? "done"}`, ...told(findings)];
  if (refusal !== undefined) return [];
  const wanted = worstOf(expected);
  const wrong =
    verdict !== undefined && verdict !== wanted ? [`${route}: ${verdict} instead of ${wanted}`] : [];
  const codes = new Set(expected.flatMap(({ findings: codes = [], missing = [] }) => [...codes, ...missing]));
  const complaints = findings.filter(({ level, code }) => level !== "info" && !ofAnotherServer.has(code));
  const unforeseen = complaints.filter((finding) => !codes.has(keyOf(finding)));
  const untold = [...codes].filter((code) => !complaints.some((finding) => keyOf(finding) === code));
  const notes = route === "verify" ? shapes.flatMap((shape) => shape.notes ?? []) : [];
  const unnoted = notes.filter((note) => !findings.some(({ code }) => code === note));
  return [
    ...wrong,
    ...told(unforeseen),
    ...[...untold, ...unnoted].map((code) => `${route}: ${code} was not told`),
  ];
}

/** What is weaker or missing is known by its name. */
function keyOf({ level, code, about }: Outcome["findings"][number]): string {
  return level === "error" ? (about ?? code) : code;
}

/** Into a server without the roles of the source: the plan says it before anything is done. */
const ofAnotherServer = new Set(["role-created-without-login", "role-differs"]);

function worstOf(expected: readonly Expected[]): string {
  const verdicts = expected.map(({ verdict }) => verdict);
  return verdicts.includes("failed")
    ? "failed"
    : verdicts.includes("not-verified")
      ? "not-verified"
      : "passed";
}

function told(findings: Outcome["findings"]): readonly string[] {
  return findings.map(({ level, code, sentence }) => `${level} ${code}: ${sentence}`);
}
