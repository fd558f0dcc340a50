/**
 * The schema that every database is born with. Where the source had dropped it, pg_dump says nothing of it; before
 * version 15 it does not write its owner and comment either, and its rights only as far as they were changed, while the
 * next server's first owner and rights of it are others.
 */
import type { DatabaseContents } from "../snapshot/contents.ts";
import { type Sql, withClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { quoteIdentifier, quoteLiteral } from "./identifiers.ts";

/** Whose pg_dump writes all of it. */
const dumpedSince = 15;

/** In the new and empty database. What may not be said here stays as it is: the comparison tells it. */
export async function settlePublicSchema(connection: Connection, database: DatabaseContents): Promise<void> {
  const dumped = Number.parseInt(database.client.version, 10) >= dumpedSince;
  const dropped = !hasPublicSchema(database);
  if (dumped && !dropped) return;
  await withClient(connection, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    if (dropped) await sql.query("drop schema if exists public");
    else await asBackedUp(sql, database).catch(() => {});
  });
}

function hasPublicSchema({ objects, extensions, notDumped }: DatabaseContents): boolean {
  const schemas = objects.filter(({ kind }) => kind === "schema");
  const members = extensions.flatMap(({ members: all = [] }) => all);
  return (
    (schemas.length === 0 && notDumped === undefined) ||
    schemas.some(({ identity }) => identity === "public") ||
    members.some(({ schema, name }) => schema === "" && name === "public")
  );
}

async function asBackedUp(sql: Sql, { objects }: DatabaseContents): Promise<void> {
  const told = (kind: string, identity: string): string | undefined =>
    objects.find((object) => object.kind === kind && object.identity === identity)?.definition;
  const owner = /^owner (.+)$/s.exec(told("schema", "public") ?? "")?.[1];
  if (owner === undefined) return;
  const comment = told("comment", "schema public");
  await sql.query(`comment on schema public is ${comment === undefined ? "null" : quoteLiteral(comment)}`);
  await sql.query(`alter schema public owner to ${quoteIdentifier(owner)}`);
  const { rows: held } = await sql.query<{ grantee: string }>(
    `select distinct ${grantee} as grantee from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
     where n.nspname = 'public' and a.grantee <> n.nspowner`,
  );
  for (const { grantee: from } of held) await sql.query(`revoke all on schema public from ${from}`);
  const { rows: granted } = await sql.query<{ statement: string }>(
    `select pg_catalog.concat('grant ', a.privilege_type, ' on schema public to ', ${grantee},
       case when a.is_grantable then ' with grant option' end) as statement
     from pg_catalog.pg_namespace n, pg_catalog.unnest($1::text[]) item, pg_catalog.aclexplode(array[item::aclitem]) a
     where n.nspname = 'public' and a.grantee <> n.nspowner and a.grantor = n.nspowner`,
    [[...(told("acl", "schema public") ?? "").matchAll(aclItem)].map(([item]) => item)],
  );
  for (const { statement } of granted) await sql.query(statement);
}

const grantee = `case a.grantee when 0 then 'public' else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) end`;

/** A comma within quotes separates nothing. */
const aclItem = /(?:"(?:[^"]|"")*"|[^",])+/g;
