/**
 * Functions whose language reaches out of the database: PostgreSQL lets superusers make them, and whoever may call them
 * acts as the server's own process. A backup's are left out unless its contents are trusted.
 */
import { dependentsOf, type SkippedEntry } from "./missing-extensions.ts";
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";

/** Known to keep their functions inside; every other language counts as one that does not. */
const trusted = new Set([
  ...["sql", "plpgsql", "plperl", "pltcl"],
  ...["java", "plcoffee", "pllua", "plls", "plrust", "pltle", "plv8"],
]);

/** Entries of the schema archive that are written in untrusted languages, and all that need them. */
export function entriesInUntrustedLanguages(toc: ArchiveToc): readonly SkippedEntry[] {
  const because = new Map<number, string>();
  for (const entry of toc.entries) {
    const language = languageOf(entry);
    if (language !== undefined && !trusted.has(language))
      because.set(entry.dumpId, `${languageMark}${language}`);
  }
  return dependentsOf(toc, because);
}

/** Stands before a language's name where something is left out for it. */
export const languageMark = "language:";

/** As pg_dump writes it, on a line of its own before the body; the server looks at what it is really in. */
function languageOf({ kind, definition, tag }: TocEntry): string | undefined {
  if (kind === "PROCEDURAL LANGUAGE") return tag;
  if (kind !== "FUNCTION" && kind !== "PROCEDURE") return undefined;
  const found = /\n {4}LANGUAGE (?:"((?:[^"]|"")+)"|([\w$]+))/.exec(definition);
  return found?.[1]?.replaceAll('""', '"') ?? found?.[2];
}
