/** A database with everything that has made somebody's backup wrong: fixtures/nasty-*.sql. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { quoteIdentifier, quoteLiteral } from "../../src/postgres/identifiers.ts";
import type { TestServer } from "./servers.ts";

export interface NastyOptions {
  /**
   * Default true: everything, owned by the superuser. False: made by and belonging to `nasty_owner` (no superuser,
   * as on a hosted server), without event trigger, foreign table, FOR ALL TABLES and extension rows.
   */
  readonly superuser?: boolean;
}

/** Passwords of the fixture's roles that may log in. */
export const nastyPasswords = { nasty_owner: `owner's "pass" word`, nasty_writer: "writer" } as const;

/** Creates the database `name` and fills it. Roles are shared by all such databases of the server. */
export async function loadNastyDatabase(
  server: TestServer,
  name: string,
  { superuser = true }: NastyOptions = {},
): Promise<void> {
  await server.sql("postgres", await fixture("nasty-roles"));
  await server.createDatabase(name, superuser ? {} : { owner: "nasty_owner" });
  const files = [
    ...["nasty-tables", "nasty-types", "nasty-names", "nasty-objects"],
    ...(server.major >= 14 ? ["nasty-from-14"] : []),
    ...(server.major >= 18 ? ["nasty-from-18"] : []),
    ...(superuser && (await hasNastyExtension(server)) ? ["nasty-extension"] : []),
    ...(superuser ? ["nasty-superuser"] : []),
  ];
  for (const file of files) {
    const role = superuser ? "" : "set role nasty_owner;\n";
    try {
      await server.sql(name, role + (await fixture(file)));
    } catch (cause) {
      throw new Error(`${file}.sql failed on PostgreSQL ${server.major}: ${String(cause)}`, { cause });
    }
  }
  const database = quoteIdentifier(name);
  await server.sql(
    name,
    `alter database ${database} set search_path = app, public, ${quoteLiteral("Nasty Schema")};
     alter database ${database} set work_mem = '5MB';
     alter role nasty_reader in database ${database} set statement_timeout = '7s';
     alter database ${database} connection limit 90;
     comment on database ${database} is ${quoteLiteral('it\'s a "nasty" \\ database\nof two lines')};
     grant connect, temporary on database ${database} to nasty_reader with grant option;`,
  );
}

async function hasNastyExtension(server: TestServer): Promise<boolean> {
  const rows = await server.sql(
    "postgres",
    "select 1 from pg_catalog.pg_available_extensions where name = 'lifeboat_nasty'",
  );
  return rows.length > 0;
}

async function fixture(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, "fixtures", `${name}.sql`), "utf8");
}
