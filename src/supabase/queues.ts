/** Queues of the extension pgmq: two tables each, which are the extension's own, or `postgres'` once they are detached. */
import type { Sql } from "../postgres/client.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import type { TocEntry } from "../postgres/restore-toc.ts";
import type { QueueContents } from "../snapshot/supabase-contents.ts";
import { attempt } from "./attempt.ts";
import type { ProjectTally } from "./project-report.ts";

/** Whether an archive's entry is part of a queue that was detached: others are in no archive. */
export function isQueues({ schema, tag, definition, kind }: TocEntry): boolean {
  if (schema !== "pgmq") return false;
  if (/^(?:TABLE|TABLE DATA|SEQUENCE|SEQUENCE SET|SEQUENCE OWNED BY|DEFAULT|CONSTRAINT)$/.test(kind))
    return /^[qa]_/.test(tag);
  return kind === "INDEX" && / ON (?:ONLY )?pgmq\."?[qa]_/.test(definition);
}

const isMember = `exists (select from pg_catalog.pg_depend d join pg_catalog.pg_extension e on e.oid = d.refobjid
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
      and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.deptype = 'e' and e.extname = 'pgmq')`;

export async function readQueues(sql: Sql): Promise<readonly QueueContents[]> {
  const { rows } = await sql.query<Record<string, string>>(
    `select m.queue_name as name, m.is_partitioned as partitioned, m.is_unlogged as unlogged,
            pg_catalog.to_json(m.created_at) #>> '{}' as "createdAt",
            ${leftOutTable("q")} as messages, ${leftOutTable("a")} as archived
       from pgmq.meta m order by m.queue_name collate "C"`,
  );
  const queues: QueueContents[] = [];
  for (const { name = "", partitioned, unlogged, createdAt = "", messages, archived } of rows) {
    queues.push({
      ...{ name, partitioned: partitioned === "t", unlogged: unlogged === "t", createdAt },
      messagesLeftOut: await count(sql, messages),
      archivedLeftOut: await count(sql, archived),
    });
  }
  return queues;
}

function leftOutTable(prefix: "q" | "a"): string {
  return `(select pg_catalog.format('%I.%I', 'pgmq', c.relname) from pg_catalog.pg_class c
    where c.relnamespace = 'pgmq'::pg_catalog.regnamespace and c.relname = '${prefix}_' || pg_catalog.lower(m.queue_name)
      and ${isMember})`;
}

async function count(sql: Sql, table: string | null | undefined): Promise<number> {
  if (table === null || table === undefined) return 0;
  const { rows } = await sql.query<{ count: string }>(`select pg_catalog.count(*) as count from ${table}`);
  return Number(rows[0]?.count);
}

/** `jobs: 2 messages and 1 archived one` of each queue that comes back empty. */
export function messagesLeftOut(queues: readonly QueueContents[]): readonly string[] {
  return queues
    .filter(({ messagesLeftOut: messages, archivedLeftOut: archived }) => messages + archived > 0)
    .map(
      ({ name, messagesLeftOut: messages, archivedLeftOut: archived }) =>
        `${name}: ${messages} ${messages === 1 ? "message" : "messages"}, ${archived} archived`,
    );
}

/** Those whose tables came with the archive are registered; the others are created, empty. */
export async function restoreQueues(
  sql: Sql,
  queues: readonly QueueContents[],
  isPresent: boolean,
  tally: ProjectTally,
): Promise<void> {
  for (const queue of queues) {
    const { name } = queue;
    if (!isPresent) {
      tally.add("queues", "extension-missing", { name, reason: "the target lacks pgmq" });
      continue;
    }
    if ((await standingOf(sql, name)) === "extension") {
      tally.add("queues", "kept", { name, reason: "it is there, and keeps the messages that it has" });
      continue;
    }
    const server = await attempt(sql, () => restoreQueue(sql, queue), ["P0001", "42883", "42P01", "3F000"]);
    const [lost] = messagesLeftOut([queue]);
    if (server !== undefined) {
      tally.add("queues", "person", { name, reason: "the target refused it", server });
    } else if (lost === undefined) tally.add("queues", "restored");
    else {
      const reason = "created empty: their messages are not in the backup";
      tally.add("queues", "person", { name: lost, reason });
    }
  }
}

/** Whose its table is, if there is one: the extension's own, or one that was detached or came with the archive. */
async function standingOf(sql: Sql, name: string): Promise<"extension" | "detached" | undefined> {
  const { rows } = await sql.query<{ member: string }>(
    `select ${isMember} as member from pg_catalog.pg_class c
      where c.relnamespace = 'pgmq'::pg_catalog.regnamespace and c.relname = 'q_' || pg_catalog.lower($1::text)`,
    [name],
  );
  return rows[0] === undefined ? undefined : rows[0].member === "t" ? "extension" : "detached";
}

async function restoreQueue(
  sql: Sql,
  { name, partitioned, unlogged, createdAt }: QueueContents,
): Promise<void> {
  if ((await standingOf(sql, name)) === undefined) {
    const how = partitioned ? "create_partitioned" : unlogged ? "create_unlogged" : "create";
    await sql.query(`select pgmq.${how}($1::text)`, [name]);
  }
  await sql.query(
    `insert into pgmq.meta (queue_name, is_partitioned, is_unlogged, created_at) values ($1, $2, $3, $4)
     on conflict (queue_name) do update set created_at = excluded.created_at`,
    [name, partitioned, unlogged, createdAt],
  );
}

/** Those that were detached, and so are in the backup that was made before; no backup holds the messages of others. */
export async function dropDetachedQueues(sql: Sql): Promise<void> {
  const { rows } = await sql.query<{ relname: string; kind: string }>(
    `select c.relname, case c.relkind when 'S' then 'sequence' else 'table' end as kind from pg_catalog.pg_class c
      where c.relnamespace = 'pgmq'::pg_catalog.regnamespace and c.relkind in ('r', 'p', 'S') and not c.relispartition
        and c.relname ~ '^[qa]_' and not ${isMember}
        and not exists (select from pg_catalog.pg_depend i where i.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          and i.objid = c.oid and i.deptype = 'i' and i.refobjsubid > 0)
      order by c.relkind = 'S'`,
  );
  for (const { relname, kind } of rows) {
    await sql.query(`drop ${kind} if exists pgmq.${quoteIdentifier(relname)} cascade`);
  }
  if (rows.length === 0) return;
  await sql.query(
    `delete from pgmq.meta m where not exists (select from pg_catalog.pg_class c
      where c.relnamespace = 'pgmq'::pg_catalog.regnamespace and c.relname = 'q_' || pg_catalog.lower(m.queue_name))`,
  );
}
