/** What pg_dump and pg_dumpall say on stderr of a dump that came about: a warning is no failure, but nobody else tells it. */
import type { Finding } from "../verification/findings.ts";

/** Each with the lines of detail and hint that belong to it, once. */
export function dumpWarnings(stderr: string): readonly string[] {
  const warnings: string[] = [];
  let isOpen = false;
  for (const line of stderr.split("\n")) {
    const [, kind, text = ""] =
      /^pg_dump(?:all)?: (?:\[[^\]]*\] )?(warning|detail|hint|\w+): (.*)$/i.exec(line) ?? [];
    if (kind === "warning") warnings.push(text);
    else if (isOpen && (kind === "detail" || kind === undefined) && line.trim() !== "")
      warnings.push(`${warnings.pop() ?? ""} ${kind === undefined ? line.trim() : text}`);
    isOpen = kind === "warning" || (isOpen && kind !== "hint");
  }
  return [...new Set(warnings)];
}

/** About an order in which `--data-only` archives would load, which ours do not need. */
const harmless = /circular foreign-key constraints/;
/** Told with its names by what the catalog says. */
const known = /^subscriptions not dumped/;

export function warningFindings(warnings: readonly string[]): readonly Finding[] {
  return [...new Set(warnings)]
    .filter((warning) => !known.test(warning))
    .map((warning) => ({
      level: harmless.test(warning) ? "info" : "warning",
      code: "dump-warning",
      sentence: `pg_dump warned: ${warning.replace(/[.:]$/, "")}.`,
      publicSentence: "pg_dump printed a warning (its words are in the sealed report).",
      remedy: harmless.test(warning)
        ? "Nothing needs to be done: indexes and constraints are restored after the rows."
        : "Run pg_dump yourself to see it in place, and check with a verification at level restored.",
    }));
}
