/** What became of everything in a backup, kind by kind; the numbers of a line add up to what the backup has. */
import type { Finding } from "../verification/findings.ts";

export type Outcome = "restored" | "kept" | "extension-missing" | "person";

export interface ReportLine {
  /** pg_dump's word for an archive's entries (`TABLE`, `POLICY`), else a plural (`roles`, `cron jobs`). */
  readonly kind: string;
  readonly inBackup: number;
  readonly restored: number;
  /** The platform, or an extension, made its own. */
  readonly kept: number;
  readonly extensionMissing: number;
  readonly needsPerson: number;
  /** Why not all of it was restored; without names from inside. */
  readonly reasons: readonly { readonly outcome: Outcome; readonly reason: string; readonly count: number }[];
}

export interface Unfinished {
  readonly kind: string;
  /** From inside the backup. */
  readonly name: string;
  readonly reason: string;
}

export interface ProjectReport {
  readonly lines: readonly ReportLine[];
  /** What needs a person, by name. */
  readonly unfinished: readonly Unfinished[];
}

interface Counts {
  readonly outcomes: Map<Outcome, number>;
  readonly reasons: Map<string, { outcome: Outcome; reason: string; count: number }>;
}

/** Collects while a restore goes on. */
export class ProjectTally {
  readonly #kinds = new Map<string, Counts>();
  readonly #unfinished: Unfinished[] = [];

  /** `reason` names nothing from inside; `server` may be the server's own words. */
  add(
    kind: string,
    outcome: Outcome,
    { name = "", reason = "", server }: { name?: string; reason?: string; server?: string } = {},
  ): void {
    const counts: Counts = this.#kinds.get(kind) ?? { outcomes: new Map(), reasons: new Map() };
    this.#kinds.set(kind, counts);
    counts.outcomes.set(outcome, (counts.outcomes.get(outcome) ?? 0) + 1);
    if (outcome === "person") {
      this.#unfinished.push({ kind, name, reason: server === undefined ? reason : `${reason}: ${server}` });
    }
    if (reason === "" || outcome === "restored") return;
    const key = `${outcome} ${reason}`;
    const before = counts.reasons.get(key);
    if (before === undefined) counts.reasons.set(key, { outcome, reason, count: 1 });
    else before.count += 1;
  }

  report(): ProjectReport {
    const lines = [...this.#kinds].map(([kind, { outcomes, reasons }]) => {
      const of = (outcome: Outcome): number => outcomes.get(outcome) ?? 0;
      return {
        kind,
        inBackup: [...outcomes.values()].reduce((total, count) => total + count, 0),
        restored: of("restored"),
        kept: of("kept"),
        extensionMissing: of("extension-missing"),
        needsPerson: of("person"),
        reasons: [...reasons.values()],
      };
    });
    return { lines: lines.toSorted((a, b) => (a.kind < b.kind ? -1 : 1)), unfinished: [...this.#unfinished] };
  }
}

/** `TABLE: 21 in the backup, 8 restored, 13 kept as the platform made it` */
export function describeLine(line: ReportLine): string {
  const { kind, inBackup, restored, kept, extensionMissing, needsPerson, reasons } = line;
  const parts = [
    `${inBackup} in the backup`,
    `${restored} restored`,
    ...(kept > 0 ? [`${kept} kept as the platform made it`] : []),
    ...(extensionMissing > 0 ? [`${extensionMissing} skipped: extension missing`] : []),
    ...(needsPerson > 0 ? [`${needsPerson} needs a person: ${whys(reasons, "person")}`] : []),
  ];
  return `${kind}: ${parts.join(", ")}`;
}

function whys(reasons: ReportLine["reasons"], of: Outcome): string {
  return reasons
    .filter(({ outcome }) => outcome === of)
    .map(({ count, reason }) => `${count} (${reason})`)
    .join(", ");
}

/** One finding a kind: what a person must still do. */
export function unfinishedFindings({ lines, unfinished }: ProjectReport): readonly Finding[] {
  return lines
    .filter(({ needsPerson, extensionMissing }) => needsPerson + extensionMissing > 0)
    .map(({ kind, needsPerson, extensionMissing, reasons }) => {
      const named = unfinished.filter((item) => item.kind === kind);
      const why = [whys(reasons, "person"), whys(reasons, "extension-missing")]
        .filter((text) => text !== "")
        .join(", ");
      const head = `${kind}: ${needsPerson + extensionMissing} not restored: ${why}`;
      const names = named.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
      return {
        level: "warning" as const,
        code: needsPerson > 0 ? "needs-a-person" : "extension-missing",
        sentence: names === "" ? `${head}.` : `${head}. ${names}.`,
        publicSentence: `${head}.`,
        remedy: "docs/supabase.md says what to do for each kind.",
      };
    });
}
