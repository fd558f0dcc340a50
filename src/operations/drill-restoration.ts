/** A restoration drill: backups of about the wanted age, restored into a throwaway place, compared and timed. */
import { asLifeboatError } from "../errors.ts";
import type { Finding } from "../verification/findings.ts";
import type { DrillReport, DrillRequest, SourceDrill, UndrilledSource } from "./drill-report.ts";
import { drillSource } from "./drill-source.ts";
import { concludeDrill } from "./conclude-drill.ts";
import type { VerifySurroundings } from "./verify-snapshot.ts";

export async function drillRestoration(
  request: DrillRequest,
  surroundings: VerifySurroundings,
): Promise<DrillReport> {
  const { clock } = surroundings;
  const [started, sinceMs] = [clock.now(), clock.elapsedMs()];
  const sources: SourceDrill[] = [];
  const undrilled: UndrilledSource[] = [];
  for (const source of request.sources) {
    try {
      sources.push(await drillSource(source, request, { ofAgeMs: request.ofAgeMs }, surroundings));
    } catch (cause) {
      surroundings.signal.throwIfAborted();
      undrilled.push({ source: source.name, finding: couldNotTry(cause) });
    }
  }
  const seconds = (clock.elapsedMs() - sinceMs) / 1000;
  const parts = { kind: "restoration", started, seconds, sources, undrilled, between: [] } as const;
  return await concludeDrill(parts, request, surroundings);
}

/** One source that cannot be tried must not keep the others from it; it fails the drill all the same. */
export function couldNotTry(cause: unknown): Finding {
  const { code, message, hint, publicly } = asLifeboatError(cause);
  return {
    level: "error",
    code,
    sentence: `${message} ${hint}`,
    publicSentence: publicly.sentence,
    remedy: publicly.hint,
  };
}
