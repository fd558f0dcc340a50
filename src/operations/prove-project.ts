/** Before a restore into a Supabase project is committed: rows, objects, rights and foreign keys, held against the backup. */
import { LifeboatError } from "../errors.ts";
import { deparsedKinds, listObjects } from "../postgres/catalog-objects.ts";
import type { Sql } from "../postgres/client.ts";
import { quoteQualified } from "../postgres/identifiers.ts";
import { hasHash, readLargeObjects, sameLargeObjects } from "../postgres/large-objects.ts";
import { danglingReferences } from "../postgres/restore-table-checks.ts";
import { type CatalogObject, databaseOf, type TableContents } from "../snapshot/contents.ts";
import { compareRights, type RightsDifference } from "../supabase/acl.ts";
import { attempt } from "../supabase/attempt.ts";
import { compareProject, isUsersObject } from "../supabase/compare-project.ts";
import { isManagedSchema } from "../supabase/managed.ts";
import type { Finding } from "../verification/findings.ts";
import { compareTables } from "./compare-restored.ts";
import type { ProjectLoad } from "./load-project.ts";
import { settleDefinitions } from "./settle-definitions.ts";
import { allEntries } from "./project-archive.ts";

/** Mends rights that differ; throws where rows or objects are not the backup's, and the caller rolls back. */
export async function proveProject(sql: Sql, load: ProjectLoad): Promise<readonly Finding[]> {
  await proveRows(sql, load);
  const rights = await mendRights(sql, load);
  const objects = await proveObjects(sql, load);
  const dangling = await danglingReferences(sql, await loadedManagedTables(sql, load));
  return [
    ...rights,
    ...objects,
    ...dangling.map(({ constraint, table, rows }) => orphans(`${constraint} of ${table}`, `${rows} rows`)),
  ];
}

async function proveRows(sql: Sql, load: ProjectLoad): Promise<void> {
  const backup = databaseOf(load.contents);
  const findings = [...(await compareTables(sql, comparable(load)))];
  const found = await readLargeObjects(sql, {
    hashes: hasHash(backup.largeObjects),
    asIn: backup.largeObjects,
  });
  const same = hasHash(backup.largeObjects) ? sameLargeObjects(backup.largeObjects, found) === true : true;
  if (found.count !== backup.largeObjects.count || !same) {
    throw notTheBackups("The large objects are not the backup's.", "The large objects are not the backup's.");
  }
  findings.push(...(await compareCounts(sql, load)));
  const bad = findings.find(({ level }) => level === "error") ?? findings[0];
  if (bad !== undefined) throw notTheBackups(bad.sentence, `${bad.publicSentence}.`);
}

/** Tables that came back with all their columns. */
function comparable(load: ProjectLoad): readonly TableContents[] {
  const loaded = loadedOids(load);
  const { columns } = load.archive;
  const tables = databaseOf(load.contents).tables;
  const roots = new Set(
    tables.flatMap(({ oid, root }) => (root !== undefined && loaded.has(oid) ? [root] : [])),
  );
  return tables.filter((table) => {
    if (table.kind !== "table" && table.kind !== "partitioned") return false;
    if (!loaded.has(table.oid) && !roots.has(table.oid)) return false;
    return columns.get(table.oid) === undefined || sameColumns(table, load);
  });
}

function sameColumns(
  { oid, columns, schema, name }: TableContents,
  { archive, facts }: ProjectLoad,
): boolean {
  const target = facts.tables.get(`${schema}.${name}`)?.columns.filter(({ generated }) => !generated) ?? [];
  return archive.columns.get(oid)?.length === columns.length && target.length === columns.length;
}

/** Tables of the platform with more or fewer columns than the backup's: a hash would differ, the number must not. */
async function compareCounts(sql: Sql, load: ProjectLoad): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const table of databaseOf(load.contents).tables) {
    if (!load.archive.columns.has(table.oid) || table.rows === undefined || sameColumns(table, load))
      continue;
    const name = quoteQualified(table.schema, table.name);
    const { rows } = await sql.query<{ count: string }>(`select count(*) from ${name}`);
    if (Number(rows[0]?.count) === table.rows) continue;
    const sentence = `Table ${name} has ${rows[0]?.count ?? "0"} rows instead of ${table.rows}.`;
    findings.push({
      level: "error",
      code: "rows-differ",
      sentence,
      publicSentence: "rows differ",
      remedy: "",
    });
  }
  return findings;
}

function loadedOids({ archive }: ProjectLoad): ReadonlySet<number> {
  const rows = allEntries(archive).filter(
    ({ entry, class: kind }) => entry.kind === "TABLE DATA" && kind === "restore",
  );
  return new Set(rows.map(({ entry }) => entry.oid));
}

async function loadedManagedTables(sql: Sql, { archive }: ProjectLoad): Promise<readonly string[]> {
  const names = allEntries(archive).flatMap(({ entry, class: kind }) =>
    entry.kind === "TABLE DATA" && kind === "restore" && isManagedSchema(entry.schema)
      ? [quoteQualified(entry.schema, entry.tag)]
      : [],
  );
  const { rows } = await sql.query<{ oid: string }>(
    "select pg_catalog.to_regclass(name)::oid as oid from pg_catalog.unnest($1::text[]) name",
    [names],
  );
  return rows.map(({ oid }) => oid);
}

async function proveObjects(sql: Sql, load: ProjectLoad): Promise<readonly Finding[]> {
  const backup = databaseOf(load.contents);
  const leftOut = allEntries(load.archive)
    .filter(({ class: kind }) => kind === "extension-missing" || kind === "person")
    .map(({ entry }) => entry);
  const unfinished = load.tally.report().unfinished.map(({ name }) => name);
  await sql.query("set local check_function_bodies = off");
  const found = await settleDefinitions(sql, backup.objects, await listObjects(sql));
  const { missing, findings } = compareProject(backup.objects, found, {
    leftOut,
    platformSchemas: load.facts.managedSchemas,
    sameMajor: backup.server.major === load.runner.targetMajor,
    deparsedKinds,
  });
  // What the server refused is in the report already.
  const unexplained = missing.filter(({ identity }) => !unfinished.some((name) => tells(name, identity)));
  const blocking = unexplained.filter(({ kind }) => blockingKinds.has(kind));
  const [first] = blocking;
  if (first !== undefined) {
    throw notTheBackups(
      `${blocking.length} objects are missing, first the ${first.kind} ${first.identity}.`,
      `${blocking.length} objects are missing, first a ${first.kind}.`,
    );
  }
  return [...findings, ...unexplained.map(objectMissing)];
}

/** Without these, data or rights are missing; everything else can be made again by hand. */
const blockingKinds: ReadonlySet<string> = new Set([
  "schema",
  "table",
  "sequence",
  "policy",
  "default-privileges",
]);

/** No reason to undo a recovery: everything else is there. */
function objectMissing({ kind, identity }: CatalogObject): Finding {
  return {
    // Something that was not restored has no comment either, and no entry of its own that would explain it.
    level: kind === "comment" ? "warning" : "error",
    code: `${kind}-missing`,
    sentence: `The ${kind} ${identity} was not restored.`,
    publicSentence: `A ${kind} was not restored.`,
    remedy: `Create the ${kind} by hand: its definition is in the backup (lifeboat export schema).`,
  };
}

/** `schema.table name` of an archive's entry, and `schema.table name` or a bare name of the catalog. */
function tells(name: string, identity: string): boolean {
  const plain = identity.replaceAll('"', "");
  return name === plain || name.endsWith(`.${plain}`) || name.replaceAll('"', "") === plain;
}

/** MAINTAIN is of version 17. */
function unknownRights(backupMajor: number, targetMajor: number): ReadonlySet<string> {
  return new Set(backupMajor >= 17 === targetMajor >= 17 ? [] : ["m"]);
}

async function mendRights(sql: Sql, load: ProjectLoad): Promise<readonly Finding[]> {
  const backup = databaseOf(load.contents);
  const ignore = unknownRights(backup.server.major, load.runner.targetMajor);
  const expected = rightsOf(backup.objects, load);
  const compare = async (): Promise<readonly RightsDifference[]> => {
    const objects = await listObjects(sql);
    const wanted = new Set(backup.objects.map(({ kind, identity }) => `${kind} ${identity}`));
    const names = objects.map(({ kind, identity }) => `${kind} ${identity}`);
    const there = new Set(names.filter((name) => wanted.has(name)));
    const differences = compareRights(expected, rightsOf(objects, load), ignore);
    return differences.filter(({ identity }) => stands(identity, there));
  };
  for (const { statements } of await compare()) {
    for (const statement of statements) await attempt(sql, () => sql.query(statement));
  }
  return (await compare()).map(rightsDiffer);
}

/** Rights on what was left out, or was there without the backup, are nobody's to mend. */
function stands(identity: string, there: ReadonlySet<string>): boolean {
  const [, word = "", rest = ""] = /^(large object|\w+) (.*)$/s.exec(identity) ?? [];
  const kinds: Readonly<Record<string, readonly string[]>> = {
    relation: ["table", "view", "sequence"],
    function: ["function"],
    type: ["type", "table"],
    schema: ["schema"],
  };
  const named = kinds[word];
  return named === undefined || named.some((kind) => there.has(`${kind} ${rest}`));
}

function rightsOf(objects: readonly CatalogObject[], { facts }: ProjectLoad): ReadonlyMap<string, string> {
  const acls = objects.filter(
    (object) => object.kind === "acl" && isUsersObject(object, facts.managedSchemas),
  );
  return new Map(acls.map(({ identity, definition }) => [identity, definition]));
}

function rightsDiffer({ identity, extra, lacking }: RightsDifference): Finding {
  const said = [
    ...(extra.length === 0 ? [] : [`more than in the backup: ${extra.join(", ")}`]),
    ...(lacking.length === 0 ? [] : [`less: ${lacking.join(", ")}`]),
  ].join("; ");
  return {
    // Rights that nobody gave are a leak; those that are lacking are noticed by whoever needs them.
    level: extra.length > 0 ? "error" : "warning",
    code: "rights-differ",
    sentence: `The rights on ${identity} could not be made the backup's: ${said}.`,
    publicSentence: `Rights could not be made the backup's: ${extra.length} more, ${lacking.length} less.`,
    remedy: "GRANT or REVOKE them as a role that may.",
  };
}

function notTheBackups(sentence: string, publicSentence: string): LifeboatError {
  return new LifeboatError(
    "restore-not-verified",
    `What was restored is not what was backed up: ${sentence}`,
    {
      publicSentence: `What was restored is not what was backed up: ${publicSentence}`,
    },
  );
}

export function orphans(constraint: string, rows: string): Finding {
  return {
    level: "error",
    code: "foreign-key-orphans",
    sentence: `${rows} refer to rows that are not there: foreign key ${constraint}.`,
    publicSentence: `${rows} refer to rows that are not there (the foreign key's name is in the sealed report).`,
    remedy: "If they refer to sign-ins, restore those too; else mend the rows, then VALIDATE the constraint.",
  };
}
