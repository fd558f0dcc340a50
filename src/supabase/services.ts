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
  const standing = present ? await standingJobs(sql) : new Set<string>();
  for (const job of jobs) {
    const name = job.name ?? job.command;
    if (!present) {
      tally.add("cron jobs", "extension-missing", { name, reason: "the target lacks pg_cron" });
    } else if (job.username !== me && standing.has(sameJob(job))) {
      tally.add("cron jobs", "kept", { name, reason: "it is there, and runs as another role" });
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

/** Of other roles, which no restore takes away. */
async function standingJobs(sql: Sql): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ job: string }>(
    `select pg_catalog.json_build_object('username', username, 'schedule', schedule, 'command', command) as job
       from cron.job where username <> current_user`,
  );
  return new Set(rows.map(({ job }) => sameJob(JSON.parse(job) as CronJobContents)));
}

function sameJob({ username, schedule: when, command }: CronJobContents): string {
  return JSON.stringify([username, when, command]);
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

/**
 * Missing extensions, where the target has them to offer: no version, so that it installs its own default. A control
 * file that names no schema takes the first of the search path, which is empty during a restore.
 */
export async function createExtensions(
  sql: Sql,
  wanted: readonly { readonly name: string; readonly schema: string }[],
): Promise<void> {
  for (const { name, schema } of await dependenciesFirst(sql, wanted)) {
    const { rows } = await sql.query<{ nspname: string }>(
      `select nspname from pg_catalog.pg_namespace where nspname in ($1, 'extensions', 'public')
        order by nspname = $1 desc, nspname = 'extensions' desc limit 1`,
      [schema],
    );
    await sql.query(`set local search_path = ${quoteIdentifier(rows[0]?.nspname ?? schema)}`);
    await sql.query(`create extension if not exists ${quoteIdentifier(name)} cascade`);
  }
  await sql.query("set local search_path = ''");
}

/** What CASCADE would create on the way goes to its own schema only if it comes before. */
async function dependenciesFirst<T extends { readonly name: string }>(
  sql: Sql,
  wanted: readonly T[],
): Promise<readonly T[]> {
  const { rows } = await sql.query<{ name: string; requires: string }>(
    `select a.name, pg_catalog.to_json(coalesce(v.requires, '{}')) as requires
       from pg_catalog.pg_available_extensions a join pg_catalog.pg_available_extension_versions v
         on v.name = a.name and v.version = a.default_version where a.name = any ($1)`,
    [wanted.map(({ name }) => name)],
  );
  const required = new Map(rows.map(({ name, requires }) => [name, JSON.parse(requires) as string[]]));
  const ordered = new Set<T>();
  const seen = new Set<string>();
  const add = (extension: T): void => {
    if (seen.has(extension.name)) return;
    seen.add(extension.name);
    for (const other of wanted) if (required.get(extension.name)?.includes(other.name) === true) add(other);
    ordered.add(extension);
  };
  for (const extension of wanted) add(extension);
  return [...ordered];
}
