/**
 * Event triggers, foreign data wrappers, subscriptions and some publications may belong to superusers only. A role that the restore
 * makes for ownership alone is none. It is one inside a single transaction that gives these to it: no other session
 * and no kill ever sees it as one. A role that was there is never altered, so there the restoring superuser owns them.
 */
import type { Finding } from "../verification/findings.ts";
import { type Sql, withClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { quoteIdentifier } from "./identifiers.ts";
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";

/** Entries that only a superuser may own. */
export function superuserOwned(toc: ArchiveToc): readonly TocEntry[] {
  const wholeSchemas = new Set(
    toc.entries
      .filter(({ kind }) => kind === "PUBLICATION TABLES IN SCHEMA")
      .flatMap(({ dependencies }) => dependencies),
  );
  return toc.entries.filter(
    ({ kind, definition, dumpId, owner }) =>
      owner !== "" &&
      (kind === "EVENT TRIGGER" ||
        kind === "FOREIGN DATA WRAPPER" ||
        kind === "SUBSCRIPTION" ||
        (kind === "PUBLICATION" && (/ FOR ALL TABLES\b/.test(definition) || wholeSchemas.has(dumpId)))),
  );
}

/** Those of `entries` whose owner is no superuser here: made without an owner, and given one afterwards or not at all. */
export async function ownedByOrdinary(sql: Sql, entries: readonly TocEntry[]): Promise<readonly TocEntry[]> {
  // Who is no superuser could not restore such objects at all; that is said when the first is met.
  const { rows } = await sql.query<{ name: string }>(
    `select rolname as name from pg_catalog.pg_roles
     where rolname = any ($1::text[]) and not rolsuper
       and (select rolsuper from pg_catalog.pg_roles where rolname = current_user)`,
    [entries.map(({ owner }) => owner)],
  );
  const ordinary = new Set(rows.map(({ name }) => name));
  return entries.filter(({ owner }) => ordinary.has(owner));
}

/** `connection` to the database that has them; `created`: roles that this restore made. */
export async function giveToOwners(
  connection: Connection,
  entries: readonly TocEntry[],
  created: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const ours = entries.filter(({ owner }) => created.has(owner));
  const owners = [...new Set(ours.map(({ owner }) => quoteIdentifier(owner)))];
  if (ours.length > 0) {
    await withClient(connection, async (sql) => {
      // The database's own event triggers have nothing to say about this.
      await sql.query("begin read write; set local session_replication_role = replica");
      for (const owner of owners) await sql.query(`alter role ${owner} superuser`);
      for (const entry of ours) await sql.query(ownerStatement(entry));
      for (const owner of owners) await sql.query(`alter role ${owner} nosuperuser`);
      await sql.query("commit");
    });
  }
  return entries.filter(({ owner }) => !created.has(owner)).map(ownerInstead);
}

function ownerStatement({ kind, tag, owner }: TocEntry): string {
  return `alter ${kind.toLowerCase()} ${quoteIdentifier(tag)} owner to ${quoteIdentifier(owner)}`;
}

function ownerInstead(entry: TocEntry): Finding {
  const what = `${entry.kind.toLowerCase()} ${quoteIdentifier(entry.tag)}`;
  const owner = quoteIdentifier(entry.owner);
  return {
    level: "warning",
    code: "owner-instead",
    sentence: `The ${what} belongs to the restoring role and not to ${owner}: only a superuser may own it, and ${owner}, which was here before, is none. The command, once it is one: ${ownerStatement(entry)};`,
    publicSentence:
      "Something that only a superuser may own belongs to the restoring role: its owner is no superuser here.",
    remedy: "Roles that exist are never altered; change the owner yourself if it matters.",
  };
}
