/** Somebody's SQL asked of a restored database by a role that can read everything and do nothing. */
import { randomBytes } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import { openClient, type Sql, withClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { quoteIdentifier } from "./identifiers.ts";

const timeLimit = "5min";
const booleanOid = 16;

export type Answer =
  | { readonly kind: "value"; readonly value: string | null }
  /** Not one value: so many rows (2 stands for more) of so many columns. */
  | { readonly kind: "shape"; readonly rows: number; readonly columns: number }
  | { readonly kind: "error"; readonly message: string; readonly code: string };

/**
 * Asks each query in a read-only transaction of its own, as a role made for it that is dropped afterwards: no superuser,
 * a member of pg_read_all_data only. It bypasses row security, because a policy that hides rows would change the
 * answers. Throws `restricted-role-refused` where the server lets nobody make or use such a role. `superuser` makes it
 * where `connection` is of a role that may not.
 */
export async function askRestricted(
  connection: Connection,
  queries: readonly string[],
  superuser?: Sql,
): Promise<readonly Answer[]> {
  const role = `lifeboat_check_${randomBytes(6).toString("hex")}`;
  const password = randomBytes(24).toString("hex");
  const asked = async (sql: Sql): Promise<readonly Answer[]> => {
    try {
      await createRole(sql, { role, password, database: connection.database });
      const asker = await openClient({ ...connection, user: role, password }).catch(refused);
      try {
        const answers: Answer[] = [];
        for (const query of queries) answers.push(await ask(asker, query));
        return answers;
      } finally {
        await asker.end().catch(() => {});
      }
    } finally {
      await dropRole(sql, role);
    }
  };
  return superuser === undefined ? await withClient(connection, asked) : await asked(superuser);
}

async function createRole(
  sql: Sql,
  {
    role,
    password,
    database,
  }: { readonly role: string; readonly password: string; readonly database: string },
): Promise<void> {
  const name = quoteIdentifier(role);
  try {
    // Hashed by the server; a statement log of somebody's own server would show it, for a role that lives for minutes.
    await sql.query(
      `create role ${name} login nosuperuser nocreatedb nocreaterole noreplication bypassrls password '${password}'`,
    );
    await sql.query(`grant pg_read_all_data to ${name}`);
    await sql.query(`grant connect on database ${quoteIdentifier(database)} to ${name}`);
  } catch (cause) {
    refused(cause);
  }
}

function refused(cause: unknown): never {
  throw new LifeboatError(
    "restricted-role-refused",
    "The server does not let us make a role that only reads, or log in as it.",
    { cause },
  );
}

async function dropRole(sql: Sql, role: string): Promise<void> {
  const name = quoteIdentifier(role);
  const { rowCount } = await sql.query("select from pg_catalog.pg_roles where rolname = $1", [role]);
  if (rowCount === 0) return;
  await sql.query(`drop owned by ${name}`);
  await sql.query(`drop role ${name}`);
}

/** By a cursor: it takes one query that reads, and never gives more rows than are asked for. */
async function ask(sql: Sql, query: string): Promise<Answer> {
  try {
    await sql.query(`reset search_path; set statement_timeout = '${timeLimit}'`);
    await sql.query("begin isolation level repeatable read read only");
    // Extended: the server then refuses a text of several statements.
    const declare = { text: `declare answer no scroll cursor for ${query}`, queryMode: "extended" };
    await sql.query(declare);
    const { rows, fields } = await sql.query<unknown[]>({ text: "fetch 2 from answer", rowMode: "array" });
    const [row] = rows;
    const [field] = fields;
    if (row === undefined || field === undefined || rows.length > 1 || fields.length > 1) {
      return { kind: "shape", rows: rows.length, columns: fields.length };
    }
    const value = row[0] as string | null;
    if (field.dataTypeID !== booleanOid || value === null) return { kind: "value", value };
    return { kind: "value", value: String(value === "t") };
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string };
    if (code === undefined) throw cause;
    return { kind: "error", message, code };
  } finally {
    await sql.query("rollback").catch(() => {});
  }
}
