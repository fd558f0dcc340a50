/**
 * Rows that were refused while other tables were still empty, once more after all others. A check that rows contradict
 * even then (or that needs one of the database's own names) steps aside for them, and comes back without having looked.
 */
import { type Sql, withClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "./identifiers.ts";
import { type Attempted, missingOf, type Refusal, type Refused } from "./refusal.ts";
import { columnsOf, copyRows, readPartToc } from "./restore-rows.ts";
import type { PartSource, RestoreTools } from "./restore-stream.ts";
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";
import { refusalOf, tryText } from "./try-statement.ts";

export interface RowRetryMeans {
  readonly connection: Connection;
  readonly tools: RestoreTools;
  readonly source: PartSource;
  readonly searchPath: string;
  /** By part: the entries that its first try left out. */
  readonly refused: ReadonlyMap<string, ReadonlySet<number>>;
}

export interface RetriedRows {
  readonly left: readonly Attempted[];
  readonly changed: readonly Refusal[];
  /** Run when all rows and all that needs them are there: checks that stepped aside look at them after all. */
  readonly lookAgain: readonly SteppedAside[];
}

export interface SteppedAside {
  readonly entry: TocEntry;
  readonly validate: string;
  readonly refused: Refused;
}

interface Waiting {
  readonly part: string;
  readonly toc: ArchiveToc;
  readonly entry: TocEntry;
}

export async function retryRows(means: RowRetryMeans): Promise<RetriedRows> {
  let waiting: readonly Waiting[] = await refusedEntries(means);
  if (waiting.length === 0) return { left: [], changed: [], lookAgain: [] };
  return await withClient(means.connection, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    const changed: Refusal[] = [];
    const aside: SteppedAside[] = [];
    let left: readonly Attempted[] = [];
    for (let stubborn = false; waiting.length > 0;) {
      const next: Waiting[] = [];
      const refusals: Attempted[] = [];
      for (const one of waiting) {
        const refused = await load(sql, means, one);
        if (refused === undefined) continue;
        const outcome = stubborn ? await insist(sql, means, one, refused) : undefined;
        if (outcome === undefined) {
          next.push(one);
          refusals.push({ entry: one.entry, refused });
        } else if (Array.isArray(outcome)) aside.push(...outcome);
        else changed.push(outcome);
      }
      const progress = next.length < waiting.length;
      waiting = next;
      left = refusals;
      if (!progress && stubborn) break;
      stubborn = !progress;
    }
    return { left, changed, lookAgain: aside };
  });
}

async function refusedEntries({ source, tools, refused }: RowRetryMeans): Promise<readonly Waiting[]> {
  const waiting: Waiting[] = [];
  for (const [part, ids] of [...refused].filter(([, all]) => all.size > 0)) {
    const toc = await readPartToc(source, tools, part);
    for (const entry of toc.entries.filter(({ dumpId }) => ids.has(dumpId)))
      waiting.push({ part, toc, entry });
  }
  return waiting;
}

/** In a transaction of its own; `first` runs before the rows, `after` once they are there. */
async function load(
  sql: Sql,
  { source, tools }: RowRetryMeans,
  { part, toc, entry }: Waiting,
  first = "",
  after = "",
): Promise<Refused | undefined> {
  if (entry.kind !== "TABLE DATA") return await tryText(sql, entry.definition);
  const encoding = toc.entries.find(({ kind }) => kind === "ENCODING")?.definition ?? "";
  const into = /^COPY ([^]*?) (?:\(|FROM stdin;\n$)/.exec(entry.copyStatement)?.[1] ?? "";
  const refused = await refusalOf(async () => {
    await sql.query(`begin; ${first}`);
    await sql.query(encoding);
    columnsOf(entry);
    await copyRows(sql, { source, name: part, zstd: tools.zstd }, tools, [entry], () => ({ table: into }));
    await sql.query(`set local client_encoding = 'UTF8'; ${after}`);
    await sql.query("commit");
  });
  if (refused !== undefined) await sql.query("rollback");
  await sql.query("set client_encoding = 'UTF8'; set search_path = ''");
  return refused;
}

async function insist(
  sql: Sql,
  means: RowRetryMeans,
  one: Waiting,
  refused: Refused,
): Promise<Refusal | SteppedAside[] | undefined> {
  const { entry } = one;
  if (/^(?:42883|42P01|42704|3F000)$/.test(refused.code)) {
    const again = await load(sql, means, one, `set local search_path = ${means.searchPath};`);
    return again === undefined ? { ...missingOf({ entry, refused }, []), outcome: "otherwise" } : undefined;
  }
  const checks: (Check & { readonly refused: Refused })[] = [];
  for (let now = refused; now.code === "23514";) {
    const check: Check | undefined = await findCheck(sql, now);
    if (check === undefined || checks.some(({ drop }) => drop === check.drop)) return undefined;
    checks.push({ ...check, refused: now });
    const [drops, adds] = [checks.map(({ drop }) => drop), checks.map(({ add }) => add)];
    const next = await load(sql, means, one, drops.join("; "), adds.join("; "));
    if (next === undefined)
      return checks.map((each) => ({
        entry: each.asEntry(entry),
        validate: each.validate,
        refused: each.refused,
      }));
    now = next;
  }
  return undefined;
}

interface Check {
  readonly drop: string;
  readonly add: string;
  readonly validate: string;
  readonly asEntry: (rows: TocEntry) => TocEntry;
}

/** The check that the server named, of a table (or of its topmost parent, whose it is) or of a domain. */
async function findCheck(sql: Sql, refused: Refused): Promise<Check | undefined> {
  const { schema, table, constraint, dataType } = refused;
  const { rows } = await sql.query<
    Record<"schema" | "owner" | "kind" | "definition", string> & { comment: string | null }
  >(
    `with recursive up as (
       select k.oid, k.conrelid, k.coninhcount from pg_catalog.pg_constraint k
       left join pg_catalog.pg_class c on c.oid = k.conrelid left join pg_catalog.pg_type t on t.oid = k.contypid
       join pg_catalog.pg_namespace n on n.oid = coalesce(c.relnamespace, t.typnamespace)
       where k.contype = 'c' and k.conname = $3 and n.nspname = $1 and coalesce(c.relname, t.typname) = $2
       union select p.oid, p.conrelid, p.coninhcount from up join pg_catalog.pg_inherits i on i.inhrelid = up.conrelid
       join pg_catalog.pg_constraint p on p.conrelid = i.inhparent and p.conname = $3 and p.contype = 'c')
     select n.nspname as schema, coalesce(c.relname, t.typname) as owner,
       case when k.contypid = 0 then 'table' else 'domain' end as kind,
       pg_catalog.pg_get_constraintdef(k.oid) as definition, pg_catalog.obj_description(k.oid, 'pg_constraint') as comment
     from up join pg_catalog.pg_constraint k on k.oid = up.oid
     left join pg_catalog.pg_class c on c.oid = k.conrelid left join pg_catalog.pg_type t on t.oid = k.contypid
     join pg_catalog.pg_namespace n on n.oid = coalesce(c.relnamespace, t.typnamespace)
     where up.coninhcount = 0`,
    [schema, table ?? dataType, constraint],
  );
  const [found, ...others] = rows;
  if (found === undefined || others.length > 0 || constraint === undefined) return undefined;
  const { kind, definition, comment } = found;
  const owner = quoteQualified(found.schema, found.owner);
  const name = quoteIdentifier(constraint);
  const alter = `alter ${kind} ${owner}`;
  const words =
    comment === null
      ? ""
      : `; comment on constraint ${name} on ${kind === "domain" ? "domain " : ""}${owner} is ${quoteLiteral(comment)}`;
  return {
    drop: `${alter} drop constraint ${name}`,
    add: `${alter} add constraint ${name} ${definition.replace(/ NOT VALID$/, "")} not valid${words}`,
    validate: `${alter.replace("alter", "ALTER").replace(kind, kind.toUpperCase())} VALIDATE CONSTRAINT ${name};`,
    asEntry: (rowsEntry) => ({
      ...rowsEntry,
      kind: "CHECK CONSTRAINT",
      schema: found.schema,
      tag: `${found.owner} ${constraint}`,
    }),
  };
}

/** Checks that stepped aside, after everything else: those that still say no stay as they are, and are told. */
export async function lookAgain(
  connection: Connection,
  all: readonly SteppedAside[],
): Promise<readonly Refusal[]> {
  if (all.length === 0) return [];
  return await withClient(connection, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    const weaker: Refusal[] = [];
    // A parent's check may have stepped aside for the rows of several children.
    for (const { entry, validate } of new Map(all.map((one) => [one.validate, one])).values()) {
      const refused = await tryText(sql, validate);
      if (refused === undefined) continue;
      weaker.push({ ...missingOf({ entry, refused }, []), outcome: "weaker", command: validate });
    }
    return weaker;
  });
}
