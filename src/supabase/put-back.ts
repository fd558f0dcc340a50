/** What goes back in a step of its own: on the platform's tables, beside all tables, or as somebody else. */
import type { TocEntry } from "../postgres/restore-toc.ts";
import { attempt } from "./attempt.ts";
import { type Classified, usersRights } from "./classify.ts";
import { isManagedSchema } from "./managed.ts";
import type { ProjectTally } from "./project-report.ts";
import { type EntryRunner, runEntries } from "./run-entries.ts";
import { giveUsersGrants } from "./users-grants.ts";

/** In the order in which they can be made; event triggers last, because they watch every statement after them. */
const order = [
  "FOREIGN DATA WRAPPER",
  "TRIGGER",
  "POLICY",
  "PUBLICATION",
  "PUBLICATION TABLE",
  "EVENT TRIGGER",
];

function rank({ kind, tag }: TocEntry): number {
  if (kind === "COMMENT" && !tag.startsWith("EVENT TRIGGER "))
    return order.indexOf("PUBLICATION TABLE") + 0.5;
  if (kind === "COMMENT") return order.length + 1;
  const at = order.findIndex((word) => kind.startsWith(word));
  return kind.startsWith("PUBLICATION TABLE") ? order.indexOf("PUBLICATION TABLE") : at;
}

/** What stock PostgreSQL leaves to a superuser, and supautils allows `postgres`. */
function needsElevation({ kind, schema, definition, tag }: TocEntry): boolean {
  if (kind === "POLICY") return isManagedSchema(schema);
  if (kind === "COMMENT") return /^(?:POLICY|EVENT TRIGGER|PUBLICATION) /.test(tag);
  if (kind === "PUBLICATION") return /\bFOR (?:ALL TABLES|TABLES IN SCHEMA)\b/.test(definition);
  return ["EVENT TRIGGER", "FOREIGN DATA WRAPPER", "PUBLICATION TABLES IN SCHEMA"].includes(kind);
}

/** One that the target refuses becomes a line of the report that needs a person. */
export async function putBack(
  runner: EntryRunner,
  entries: readonly Classified[],
  tally: ProjectTally,
): Promise<void> {
  for (const { entry, reason } of entries.toSorted((a, b) => rank(a.entry) - rank(b.entry))) {
    if (reason === usersRights[1]) {
      await giveUsersGrants(runner, entry, tally);
      continue;
    }
    const elevated = needsElevation(entry);
    let server = await attempt(runner.sql, () => runEntries(runner, [entry], { elevated }));
    if (server !== undefined && !elevated) {
      // A publication that another role owns, say.
      server = await attempt(runner.sql, () => runEntries(runner, [entry], { elevated: true }));
    }
    const name = `${entry.schema}.${entry.tag}`;
    if (server === undefined) tally.add(entry.kind, "restored");
    else
      tally.add(entry.kind, "person", {
        name,
        reason: "the target does not let this role create it",
        server,
      });
  }
}
