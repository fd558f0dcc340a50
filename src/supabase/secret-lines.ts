/** Secrets as JSON lines, straight from a cursor: they are held nowhere but in the stream that is sealed. */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "../postgres/client.ts";
import type { RoleVerifier, VaultSecret } from "../snapshot/supabase-contents.ts";
import { isPlatformRole } from "./platform-roles.ts";

const atOnce = 500;

/** One `VaultSecret` a line. Throws `vault-unreadable` where the vault cannot decrypt its own secrets. */
export async function* vaultSecrets(sql: Sql): AsyncGenerator<string> {
  const time = (column: string): string =>
    `pg_catalog.to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  const query = `select pg_catalog.json_build_object('id', id, 'name', name, 'description', description,
      'secret', decrypted_secret, 'created_at', ${time("created_at")}, 'updated_at', ${time("updated_at")})::text as line
    from vault.decrypted_secrets order by created_at, id`;
  try {
    for await (const line of linesOf(sql, query)) {
      // A secret that the vault could not decrypt is null there, and would be one that nobody misses until it is needed.
      if ((JSON.parse(line) as { secret: VaultSecret["secret"] | null }).secret === null) {
        throw new LifeboatError("vault-unreadable", "The vault could not decrypt one of its secrets.");
      }
      yield line;
    }
  } catch (cause) {
    if (cause instanceof LifeboatError || (cause as { code?: string }).code === undefined) throw cause;
    throw new LifeboatError("vault-unreadable", "The vault's secrets could not be decrypted.", {
      cause,
      inside: (cause as Error).message,
    });
  }
}

const verifiers = `select rolname as name, rolpassword as verifier from pg_catalog.pg_authid
  where rolpassword is not null order by rolname collate "C"`;

/** One `RoleVerifier` a line, of roles that are not the platform's or PostgreSQL's own. */
export async function* roleVerifiers(sql: Sql): AsyncGenerator<string> {
  const query = `select pg_catalog.json_build_object('name', name, 'verifier', verifier)::text as line from (${verifiers}) v`;
  for await (const line of linesOf(sql, query)) {
    if (!isPlatformRole((JSON.parse(line) as RoleVerifier).name)) yield line;
  }
}

/** How many lines `roleVerifiers` would have; null where they may not be read. */
export async function countVerifiers(sql: Sql): Promise<number | null> {
  const { rows } = await sql.query<{ readable: string }>(
    "select pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT') as readable",
  );
  if (rows[0]?.readable !== "t") return null;
  const named = await sql.query<{ name: string }>(`select name from (${verifiers}) v`);
  return named.rows.filter(({ name }) => !isPlatformRole(name)).length;
}

async function* linesOf(sql: Sql, query: string): AsyncGenerator<string> {
  await sql.query(`declare secret_lines no scroll cursor for ${query}`);
  for (;;) {
    const { rows } = await sql.query<{ line: string }>(`fetch ${atOnce} from secret_lines`);
    for (const { line } of rows) yield line;
    if (rows.length < atOnce) break;
  }
  await sql.query("close secret_lines");
}
