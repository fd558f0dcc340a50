/** What services keep in the database and only their own functions may write: the vault's secrets, pg_cron's jobs. */
import type { Sql } from "../postgres/client.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import type { CronJobContents, VaultSecret } from "../snapshot/supabase-contents.ts";
import { attempt } from "./attempt.ts";
import type { ProjectTally } from "./project-report.ts";

export interface SecretId {
  readonly name: string | null;
  readonly before: string;
  readonly after: string;
}

/** The target gives new ids; who stored an old one needs the pairs. */
export async function restoreSecrets(
  sql: Sql,
  secrets: readonly VaultSecret[],
  tally: ProjectTally,
): Promise<readonly SecretId[]> {
  const ids: SecretId[] = [];
  for (const { id, name, description, secret } of secrets) {
    const { rows } = await sql.query<{ id: string }>(
      "select vault.create_secret($1, $2, coalesce($3, '')) as id",
      [secret, name, description],
    );
    ids.push({ name, before: id, after: rows[0]?.id ?? "" });
    tally.add("secrets", "restored");
  }
  return ids;
}

/** `asBackedUp`: active where they were. Otherwise all wait for a person to look before anything runs twice. */
export async function restoreCronJobs(
  sql: Sql,
  jobs: readonly CronJobContents[],
  { asBackedUp, present }: { readonly asBackedUp: boolean; readonly present: boolean },
  tally: ProjectTally,
): Promise<void> {
  const { rows } = await sql.query<{ me: string; here: string }>(
    "select current_user as me, pg_catalog.current_database() as here",
  );
  const { me, here } = rows[0] ?? { me: "", here: "" };
  for (const job of jobs) {
    const name = job.name ?? job.command;
    if (!present) {
      tally.add("cron jobs", "extension-missing", { name, reason: "the target lacks pg_cron" });
    } else if (job.username !== me) {
      tally.add("cron jobs", "person", {
        name,
        reason: "runs as another role: only a superuser schedules it",
      });
    } else {
      const server = await attempt(sql, () => schedule(sql, job, here, asBackedUp && job.active));
      if (server === undefined) tally.add("cron jobs", "restored");
      else tally.add("cron jobs", "person", { name, reason: "the target refused it", server });
    }
  }
}

async function schedule(
  sql: Sql,
  { name, schedule: when, command, database }: CronJobContents,
  here: string,
  active: boolean,
): Promise<void> {
  const { rows } =
    name === null
      ? await sql.query<{ id: string }>("select cron.schedule($1::text, $2::text) as id", [when, command])
      : await sql.query<{ id: string }>("select cron.schedule($1::text, $2::text, $3::text) as id", [
          name,
          when,
          command,
        ]);
  await sql.query("select cron.alter_job($1::bigint, database := $2::text, active := $3::boolean)", [
    rows[0]?.id,
    // A job of another database of the same server stays there.
    database === "postgres" ? here : database,
    active,
  ]);
}

/** Missing extensions, where the target has them to offer: no version, so that it installs its own default. */
export async function createExtensions(
  sql: Sql,
  wanted: readonly { readonly name: string; readonly schema: string }[],
): Promise<void> {
  for (const { name, schema } of wanted) {
    const exists = await sql.query("select from pg_catalog.pg_namespace where nspname = $1", [schema]);
    const isOwn = ["pg_cron", "pg_net", "pgmq", "supabase_vault", "pgsodium", "pg_tle"].includes(name);
    const where = exists.rowCount === 0 || isOwn ? "" : ` with schema ${quoteIdentifier(schema)}`;
    await sql.query(`create extension if not exists ${quoteIdentifier(name)}${where} cascade`);
  }
}
