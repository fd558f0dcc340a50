/**
 * The role that restores somebody's SQL in a throwaway server: no superuser, but a member of every role of the backup,
 * so that it may do what any owner may. It is logged in as, because `SET ROLE` and `SET SESSION AUTHORIZATION` of a
 * superuser's session can be undone by any function that the backup holds.
 */
import { randomBytes } from "node:crypto";
import type { Sql } from "./client.ts";
import { type Connection, withDatabase } from "./connection.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "./identifiers.ts";

/** PostgreSQL's own roles that reach out of the database; nothing of a backup may be a member of them here. */
const outwardRoles = ["pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"];
/** All rows and nothing else; servers before 14 do not have the first two, before 17 not the third. */
const dataRoles = ["pg_read_all_data", "pg_write_all_data", "pg_maintain"];

/**
 * Makes the role and returns how it connects to `target`; `superuser` is in that database. What the source's superusers
 * own reads and calls what nobody had to grant to them: `powerful` may here all but what only superusers may.
 */
export async function createLoader(
  superuser: Sql,
  target: Connection,
  powerful: readonly string[] = [],
): Promise<Connection> {
  const role = `lifeboat_loader_${randomBytes(6).toString("hex")}`;
  const password = randomBytes(24).toString("hex");
  const name = quoteIdentifier(role);
  await takeOutwardRoles(superuser);
  const { rows } = await superuser.query<{ name: string }>(
    `select rolname as name from pg_catalog.pg_roles
     where not rolsuper and (rolname !~ '^pg_' or rolname = any ($1::text[]))`,
    [dataRoles],
  );
  await superuser.query(
    `create role ${name} login nosuperuser nocreatedb nocreaterole noreplication bypassrls inherit
     password ${quoteLiteral(password)}`,
  );
  const lent = rows.map((row) => row.name).filter((other) => !powerful.includes(other));
  for (const owner of rows.map((row) => row.name).filter((other) => powerful.includes(other))) {
    await grantAll(superuser, lent, quoteIdentifier(owner));
    await superuser.query(`alter role ${quoteIdentifier(owner)} inherit bypassrls`);
    // Not of each other: PostgreSQL refuses circles.
    lent.push(owner);
  }
  await grantAll(superuser, lent, name);
  await superuser.query(
    `grant connect, create, temporary on database ${quoteIdentifier(target.database)} to ${name}`,
  );
  return { ...withDatabase(target, target.database), user: role, password };
}

async function grantAll(superuser: Sql, roles: readonly string[], to: string): Promise<void> {
  for (const role of roles) await superuser.query(`grant ${quoteIdentifier(role)} to ${to}`);
}

async function takeOutwardRoles(superuser: Sql): Promise<void> {
  const { rows } = await superuser.query<{ role: string; member: string }>(
    `select r.rolname as role, u.rolname as member from pg_catalog.pg_auth_members m
     join pg_catalog.pg_roles r on r.oid = m.roleid join pg_catalog.pg_roles u on u.oid = m.member
     where r.rolname = any ($1::text[]) or r.rolsuper`,
    [outwardRoles],
  );
  for (const { role, member } of rows) {
    await superuser.query(`revoke ${quoteIdentifier(role)} from ${quoteIdentifier(member)} cascade`);
  }
}

/** Schemas that somebody made, and `public`. */
const schemas = `
  select n.nspname as name, pg_catalog.has_schema_privilege('public', n.oid, 'USAGE') as usage,
    pg_catalog.has_schema_privilege('public', n.oid, 'CREATE') as creating
  from pg_catalog.pg_namespace n where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

/**
 * An owner may be given an object only where it may create one, which many owners may not; so everybody may create
 * everywhere until `closeSchemas`. The loader keeps it until `withdrawLoader`: it builds indexes.
 */
export async function openSchemas(superuser: Sql, loader: string): Promise<() => Promise<void>> {
  const { rows } = await superuser.query<{ name: string; usage: string; creating: string }>(schemas);
  for (const { name } of rows) {
    const schema = quoteIdentifier(name);
    await superuser.query(`grant usage, create on schema ${schema} to ${quoteIdentifier(loader)}, public`);
  }
  return async () => {
    for (const { name, usage, creating } of rows) {
      const schema = quoteIdentifier(name);
      if (usage !== "t") await superuser.query(`revoke usage on schema ${schema} from public`);
      if (creating !== "t") await superuser.query(`revoke create on schema ${schema} from public`);
    }
  };
}

/**
 * Foreign servers need a right on their wrapper, which only a superuser has of those that extensions bring. Everybody
 * has it until the returned function is called; there is no way out to a server from here.
 */
export async function openWrappers(superuser: Sql): Promise<() => Promise<void>> {
  const { rows } = await superuser.query<{ name: string }>(
    `select fdwname as name from pg_catalog.pg_foreign_data_wrapper w
     where not pg_catalog.has_foreign_data_wrapper_privilege('public', w.oid, 'USAGE')`,
  );
  const each = async (statement: (wrapper: string) => string): Promise<void> => {
    for (const { name } of rows) await superuser.query(statement(quoteIdentifier(name)));
  };
  await each((wrapper) => `grant usage on foreign data wrapper ${wrapper} to public`);
  return () => each((wrapper) => `revoke usage on foreign data wrapper ${wrapper} from public`);
}

/**
 * Relations of extensions belong to the superuser who made the extension. Policies, triggers and indexes that somebody
 * put on them need their owner, who must not be a superuser here.
 */
export async function ownExtensionRelations(superuser: Sql, loader: string): Promise<() => Promise<void>> {
  const { rows } = await superuser.query<{ schema: string; name: string; owner: string }>(`
    select n.nspname as schema, c.relname as name, pg_catalog.pg_get_userbyid(c.relowner) as owner
    from pg_catalog.pg_depend d join pg_catalog.pg_class c on c.oid = d.objid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype = 'e'
      and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and n.nspname !~ '^pg_'
      and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      -- A column's sequence follows its table.
      and not exists (select from pg_catalog.pg_depend s where s.classid = d.classid and s.objid = c.oid
        and s.refclassid = d.classid and s.deptype in ('a', 'i') and c.relkind = 'S')`);
  const give = async (to: (owner: string) => string): Promise<void> => {
    for (const { schema, name, owner } of rows) {
      const relation = quoteQualified(schema, name);
      await superuser.query(`alter table ${relation} owner to ${quoteIdentifier(to(owner))}`);
    }
  };
  await give(() => loader);
  return () => give((owner) => owner);
}

/** What only loading needed: what is compared afterwards must not show it. */
export async function withdrawLoader(superuser: Sql, loader: Connection): Promise<void> {
  const name = quoteIdentifier(loader.user);
  const { rows } = await superuser.query<{ name: string }>(schemas);
  for (const schema of rows) {
    await superuser.query(`revoke usage, create on schema ${quoteIdentifier(schema.name)} from ${name}`);
  }
}
