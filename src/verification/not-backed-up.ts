/**
 * What a database backup leaves out by its nature, as pg_dump does. It is told by the backup and stands in every report
 * as not-verified; it is not required for the verdict, because no backup of this database can hold it.
 */
import { mappingOptions } from "../postgres/not-dumped.ts";
import type { DatabaseContents, NotDumped } from "../snapshot/contents.ts";
import type { ComponentVerdict, Finding } from "./findings.ts";

export function leftOutOfBackup({
  tables,
  sequences,
  notDumped = [],
  otherDatabases = 0,
}: DatabaseContents): readonly Finding[] {
  const foreign = tables.filter(({ kind }) => kind === "foreign").map(nameOf);
  const ofExtensions = tables.filter(({ hasRowsLeftOut }) => hasRowsLeftOut === true).map(nameOf);
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

/** What a backup by another role would hold. */
const couldBeBackedUp = new Set(["subscriptions-not-backed-up", "user-mapping-options-not-backed-up"]);

/** Absent where nothing was left out. */
export function leftOutComponent(database: DatabaseContents): readonly ComponentVerdict[] {
  const findings = leftOutOfBackup(database).filter(({ level }) => level === "warning");
  if (findings.length === 0) return [];
  const isRequired = findings.some(({ code }) => couldBeBackedUp.has(code));
  return [{ component: "not-backed-up", checked: 0, findings, verdict: "not-verified", isRequired }];
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

function identitiesOf(notDumped: readonly NotDumped[], kind: string): readonly string[] {
  return notDumped.filter((one) => one.kind === kind).map(({ identity }) => identity);
}

function nameOf({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${schema}.${name}`;
}

function counted(count: number, what: string, several = `${what}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? what : several}`;
}
