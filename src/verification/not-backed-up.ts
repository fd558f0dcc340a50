/**
 * What a database backup leaves out by its nature, as pg_dump does. It is told by the backup and stands in every report
 * as not-verified; it is not required for the verdict, because no backup of this database can hold it.
 */
import { mappingOptions } from "../postgres/not-dumped.ts";
import type { DatabaseContents, NotDumped, TableContents } from "../snapshot/contents.ts";
import type { ComponentVerdict, Finding } from "./findings.ts";
import { type RowTotals, sameRows } from "./row-totals.ts";

export function leftOutOfBackup({
  tables,
  sequences,
  notDumped = [],
  otherDatabases = 0,
}: DatabaseContents): readonly Finding[] {
  const foreign = tables.filter(({ kind }) => kind === "foreign").map(nameOf);
  const ofExtensions = tables.filter(({ hasRowsLeftOut }) => hasRowsLeftOut === true).map(counting);
  const outside = tables
    .filter(({ hasRowsLeftOut, leftOut: left }) => hasRowsLeftOut !== true && (left?.rows ?? 0) > 0)
    .map(counting);
  const unlogged = [...tables, ...sequences]
    .filter(({ onPrimaryOnly }) => onPrimaryOnly === true)
    .map(nameOf);
  const findings: Finding[] = [];
  if (unlogged.length > 0) {
    findings.push(
      leftOut(
        "unlogged-not-backed-up",
        `The rows and values of ${counted(unlogged.length, "unlogged table or sequence", "unlogged tables and sequences")} are not in the backup: this server is a standby, which has none of them`,
        unlogged,
        "Back up the primary if they matter, or make them logged (`ALTER TABLE … SET LOGGED`); or waive: [not-backed-up].",
      ),
    );
  }
  if (foreign.length > 0) {
    findings.push(
      leftOut(
        "foreign-rows-not-backed-up",
        `The rows of ${counted(foreign.length, "foreign table")} are not in the backup: they are on another server`,
        foreign,
        "Back that server up as a source of its own; or waive: [not-backed-up].",
      ),
    );
  }
  if (ofExtensions.length > 0) {
    findings.push(
      leftOut(
        "extension-rows-not-backed-up",
        `The rows of ${counted(ofExtensions.length, "table")} that belong to extensions are not in the backup: the extensions do not declare them as configuration, so pg_dump leaves them out`,
        ofExtensions,
        "Export these rows by the extension's own means if you need them; or waive: [not-backed-up].",
      ),
    );
  }
  if (outside.length > 0) {
    findings.push({
      ...leftOut(
        "extension-rows-outside-condition",
        `Extensions declare only a part of ${counted(outside.length, "table")} as configuration; the other rows, which CREATE EXTENSION usually makes, are not in the backup`,
        outside,
        "Verify at level restored: it finds out whether somebody has changed them.",
      ),
      level: "info",
    });
  }
  const subscriptions = identitiesOf(notDumped, "subscription");
  if (subscriptions.length > 0) {
    findings.push(
      leftOut(
        "subscriptions-not-backed-up",
        `${counted(subscriptions.length, "subscription")} ${subscriptions.length === 1 ? "is" : "are"} not in the backup: pg_dump writes them for superusers only`,
        subscriptions,
        "Back up as a superuser if they matter; or waive: [not-backed-up].",
      ),
    );
  }
  const mappings = identitiesOf(notDumped, mappingOptions);
  if (mappings.length > 0) {
    findings.push(
      leftOut(
        "user-mapping-options-not-backed-up",
        `The options (user, password) of ${counted(mappings.length, "user mapping")} are not in the backup: the backup role cannot see them`,
        mappings,
        "Back up as a superuser if they matter, or run ALTER USER MAPPING after a restore; or waive: [not-backed-up].",
      ),
    );
  }
  if (otherDatabases > 0) {
    const sentence = `${counted(otherDatabases, "other database")} of this server ${otherDatabases === 1 ? "is" : "are"} not in this backup.`;
    const remedy = "Back each up as a source of its own if it matters.";
    findings.push({ level: "info", code: "other-databases", sentence, publicSentence: sentence, remedy });
  }
  return findings;
}

/** What a backup by another role would hold, and what a restore has shown to be lost. */
const mustBeKnown = new Set([
  "subscriptions-not-backed-up",
  "user-mapping-options-not-backed-up",
  "extension-rows-lost",
]);

export const leftOutName = "not-backed-up";

/** Absent where nothing was left out. `compared`: what a restore has shown of the rows of extensions. */
export function leftOutComponent(
  database: DatabaseContents,
  compared?: ComponentVerdict,
): readonly ComponentVerdict[] {
  const told = leftOutOfBackup(database).filter(
    ({ level, code }) =>
      level === "warning" && (compared === undefined || code !== "extension-rows-not-backed-up"),
  );
  const findings = [...told, ...(compared?.findings ?? [])];
  if (findings.length === 0) return [];
  const isRequired = findings.some(({ code }) => mustBeKnown.has(code));
  return [{ component: leftOutName, checked: 0, findings, verdict: "not-verified", isRequired }];
}

function leftOut(code: string, said: string, tables: readonly string[], remedy: string): Finding {
  const shown = tables.slice(0, 20).join(", ");
  const more = tables.length > 20 ? `, and ${tables.length - 20} more` : "";
  return {
    level: "warning",
    code,
    sentence: `${said}: ${shown}${more}.`,
    publicSentence: `${said} (the names are in the sealed contents).`,
    remedy,
  };
}

/**
 * CREATE EXTENSION made rows of its own in the restored database; where they are the source's, nothing was lost. Absent
 * where there is nothing to compare.
 */
export function compareExtensionRows(
  expected: readonly TableContents[],
  found: readonly TableContents[],
): ComponentVerdict | undefined {
  const here = new Map(found.map((table) => [nameOf(table), table]));
  const wanted = expected.filter(({ leftOut: left }) => left !== undefined);
  if (wanted.length === 0) return undefined;
  const findings = wanted.flatMap((table): readonly Finding[] => {
    const other = here.get(nameOf(table));
    const [before, after] = [table.leftOut, other?.leftOut];
    if (before === undefined || (after !== undefined && sameRows(total(before), total(after)))) return [];
    if (before.rows === 0 && other !== undefined) return [];
    const now =
      other === undefined
        ? "and no such table after a restore"
        : after === undefined
          ? "after a restore they could not be read"
          : `${grouped(after.rows)} after a restore`;
    return [
      {
        level: "warning",
        code: "extension-rows-lost",
        sentence: `Extension ${table.extension ?? ""} keeps rows in ${nameOf(table)} that are not in the backup, because it does not declare them as configuration: ${grouped(before.rows)} in the source, ${now}.`,
        publicSentence: "Rows of an extension are not in the backup (the names are in the sealed report).",
        remedy:
          "Export these rows by the extension's own means if you need them; or waive: [not-backed-up], or extension:NAME.",
      },
    ];
  });
  return {
    component: leftOutName,
    checked: wanted.length,
    findings,
    verdict: findings.length === 0 ? "passed" : "not-verified",
  };
}

function total({ rows, hash }: { readonly rows: number; readonly hash?: string | undefined }): RowTotals {
  return { rows, hash };
}

function counting(table: TableContents): string {
  return table.leftOut === undefined
    ? nameOf(table)
    : `${nameOf(table)} (${counted(table.leftOut.rows, "row")})`;
}

function identitiesOf(notDumped: readonly NotDumped[], kind: string): readonly string[] {
  return notDumped.filter((one) => one.kind === kind).map(({ identity }) => identity);
}

function nameOf({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${schema}.${name}`;
}

function counted(count: number, what: string, several = `${what}s`): string {
  return `${grouped(count)} ${count === 1 ? what : several}`;
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}
