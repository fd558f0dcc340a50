/** Materialized views that a check does not refresh, because that would ask another server. */
import { foreignMark } from "../postgres/foreign-refreshes.ts";
import type { SkippedEntry } from "../postgres/missing-extensions.ts";
import type { DatabaseContents } from "../snapshot/contents.ts";
import type { Finding } from "./findings.ts";

/** `found` as if they had been refreshed, and what to say of it. */
export function asRefreshed(
  found: DatabaseContents,
  skipped: readonly SkippedEntry[],
): { readonly found: DatabaseContents; readonly notes: readonly Finding[] } {
  const views = skipped.filter(({ extension }) => extension === foreignMark);
  if (views.length === 0) return { found, notes: [] };
  const names = new Set(views.map(({ entry }) => plain(`${entry.schema}.${entry.tag}`)));
  const objects = found.objects.map((object) =>
    object.kind === "view" && names.has(plain(object.identity))
      ? { ...object, definition: object.definition.replace(" unpopulated ", " ") }
      : object,
  );
  return { found: { ...found, objects }, notes: [notRefreshed(views.length)] };
}

function plain(text: string): string {
  return text.replaceAll('"', "");
}

function notRefreshed(count: number): Finding {
  const views = count === 1 ? "materialized view reads" : "materialized views read";
  const sentence = `${count} ${views} foreign tables and cannot be refreshed here: checks connect to no other server.`;
  const remedy = "Nothing needs to be done: a restore refreshes them.";
  return { level: "info", code: "foreign-view-not-refreshed", sentence, publicSentence: sentence, remedy };
}
