/** What a restore shows to be proven: the loaded database, or the chosen tables, held against the backup. */
import { deparsedKinds } from "../postgres/catalog-objects.ts";
import { type Sql, withClient } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import { quoteQualified } from "../postgres/identifiers.ts";
import { evenIllegible } from "../postgres/illegible.ts";
import { measureTables } from "../postgres/measure-tables.ts";
import type { SkippedEntry } from "../postgres/missing-extensions.ts";
import type { Refusal } from "../postgres/refusal.ts";
import { listTables } from "../postgres/table-listing.ts";
import type { DatabaseContents, TableContents } from "../snapshot/contents.ts";
import { foreignMark } from "../postgres/foreign-refreshes.ts";
import { asRefreshed } from "../verification/foreign-views.ts";
import { absentMembers, isAboutAbsent, withoutMemberTypes } from "../verification/absent-members.ts";
import { compareDatabases, judge, rowFindings } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { compareExtensionRows } from "../verification/not-backed-up.ts";
import { withoutOwners, withoutRefusedIdentity, withOwnersInstead } from "../verification/owners-instead.ts";
import { componentOf, refusalFinding } from "../verification/refusal-findings.ts";
import { totalsByRoot } from "../verification/row-totals.ts";
import { leftOutFindings, refusedMark, withoutSkipped } from "../verification/skipped-objects.ts";
import { withoutVanished } from "../verification/vanished-roles.ts";
import { describeRestored } from "./describe-database.ts";
import type { RestoreVerdict } from "./restore-means.ts";

export interface Comparing {
  readonly substituteLocale?: boolean;
  /** Everything belongs to the restoring role, as was asked for. */
  readonly isOwnerless?: boolean;
  /** Told as what they are, and not as differences of what they are about. */
  readonly refusals?: readonly Refusal[];
  readonly of?: "check" | "restore";
}

/** Component by component, over a whole restored database; what `skipped` stands for is not-verified. */
export async function compareRestored(
  connection: Connection,
  backup: DatabaseContents,
  leftOut: readonly SkippedEntry[] = [],
  { substituteLocale = false, isOwnerless = false, refusals = [], of = "restore" }: Comparing = {},
): Promise<readonly ComponentVerdict[]> {
  const skipped = leftOut.filter(({ extension }) => extension !== foreignMark);
  const { found: restored, notes } = asRefreshed(await describeRestored(connection, backup), leftOut);
  const left = [...skipped, ...refusedEntries(refusals)];
  const possible = withoutSkipped(backup, left).expected;
  const absent = absentMembers(possible, restored);
  const reduced = withoutSkipped(backup, [...left, ...absent]);
  const described = reduced.comparable(restored);
  const whole = withoutVanished(withoutRefusedIdentity(reduced.expected, described, refusals), described);
  const [expected, found] = isOwnerless
    ? [withoutOwners(whole), withoutOwners(described)]
    : [whole, described];
  const ordinary = await withClient(connection, ordinaryRoles);
  const owned = withOwnersInstead(withoutMemberTypes(expected, found), found, {
    ordinary,
    restoring: connection.user,
  });
  const components = compareDatabases(owned, found, {
    deparsedKinds,
    localeSubstituted: substituteLocale && found.properties.collate === "C",
  });
  const compared = new Set(components.map(({ component }) => component));
  // A component of which nothing is left still has to say so.
  const rows = compareExtensionRows(possible.tables, found.tables);
  const emptied = [...reduced.left.keys()].filter((component) => !compared.has(component));
  const told = Map.groupBy(
    refusals.filter(({ entry }) => of === "restore" || !isAboutAbsent(entry, absent)),
    componentOf,
  );
  const view = { of, sourceMajor: backup.server.major, targetMajor: described.server.major };
  const others = [...told.keys()].filter(
    (component) => !compared.has(component) && !reduced.left.has(component),
  );
  const all = [...components, ...[...emptied, ...others].map((one) => judge(one, 0, []))].map((verdict) => {
    const more = [
      ...leftOutFindings(verdict.component, reduced.left),
      ...(told.get(verdict.component) ?? []).map((refusal) => refusalFinding(refusal, view)),
      ...(verdict.component === "view" ? notes : []),
    ];
    if (more.length === 0) return verdict;
    return judge(verdict.component, verdict.checked, [...verdict.findings, ...more]);
  });
  return rows === undefined ? all : [...all, rows];
}

async function ordinaryRoles(sql: Sql): Promise<ReadonlySet<string>> {
  await sql.query("begin read only");
  const { rows } = await evenIllegible(sql, () =>
    sql.query<{ name: string }>("select rolname as name from pg_catalog.pg_roles where not rolsuper"),
  );
  await sql.query("rollback");
  return new Set(rows.map(({ name }) => name));
}

function refusedEntries(refusals: readonly Refusal[]): readonly SkippedEntry[] {
  return refusals
    .filter(({ outcome, ownerOnly }) => outcome !== "otherwise" && ownerOnly !== true)
    .flatMap(({ entry, dependents }) => [entry, ...dependents])
    .map((entry) => ({ entry, extension: refusedMark }));
}

/** What a restored database must not lack before it may take anything's place. */
const dataComponents = ["tables", "sequences", "large-objects"];

/**
 * Data decides whether a restore counts. Another difference (a grant that the target's own default privileges added, an
 * extension it lacks) is told with its finding: throwing hours of loading away for it would help nobody.
 */
export function asRestoreVerdict(components: readonly ComponentVerdict[]): RestoreVerdict {
  const data = components.filter(({ component }) => dataComponents.includes(component));
  const findings = components.flatMap((component) => component.findings);
  // What was refused is weighed by itself.
  if (data.some((one) => one.findings.some(({ level, about }) => level === "error" && about === undefined)))
    return { verdict: "failed", findings };
  const unhashable = findings.some(({ code }) => code === "content-not-hashable");
  return { verdict: unhashable ? "not-verified" : "passed", findings };
}

/** Inside the open transaction that replaced them, so that a difference can still undo it. */
export async function compareTables(sql: Sql, chosen: readonly TableContents[]): Promise<readonly Finding[]> {
  const hashes = chosen.some(({ hash }) => hash !== undefined);
  const names = new Set(chosen.map(({ schema, name }) => quoteQualified(schema, name)));
  const tables = (await listTables(sql)).filter(({ schema, name }) =>
    names.has(quoteQualified(schema, name)),
  );
  const measures = await measureTables(sql, tables, { hashes });
  const found = totalsByRoot(
    tables.map(({ columns, ...table }) => ({
      ...table,
      columns: columns.map(({ name }) => name),
      ...measures.byOid.get(table.oid),
    })),
  );
  return [...totalsByRoot(chosen)].flatMap(([name, totals]) =>
    rowFindings(name, totals, found.get(name) ?? { rows: 0, hash: undefined }),
  );
}
