/**
 * What executes a backup's contents (its functions, checks, views; git on its bundle) runs isolated. Where that cannot be
 * had, it does not run, unless somebody has said that the backup's author is trusted.
 */
import { type Sql, withClient } from "../postgres/client.ts";
import { type Connection, describeServer } from "../postgres/connection.ts";
import { findIsolation } from "../system/sandbox/isolation.ts";
import { type Isolation, isIsolation, type NoIsolation } from "../system/sandbox/way.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";

export interface IsolationMeans {
  readonly temporaryFolder: string;
  /** Installs what is missing, where it may. Absent: as the machine is. */
  readonly isolation?: () => Promise<Isolation | NoIsolation>;
}

export interface Execution {
  /** Absent where contents run with our own rights, or elsewhere. */
  readonly isolation?: Isolation;
  /** What the report has to say of it: nothing where all is isolated. */
  readonly verdicts: readonly ComponentVerdict[];
  /** False where nothing of the contents may run; `verdicts` then says why. */
  readonly mayRun: boolean;
}

export async function decideExecution(
  { trustContents = false }: { readonly trustContents?: boolean | undefined },
  { temporaryFolder, isolation = () => findIsolation(temporaryFolder) }: IsolationMeans,
): Promise<Execution> {
  const answer = await isolation();
  if (isIsolation(answer)) return { isolation: answer, verdicts: [], mayRun: true };
  const { missing, cure } = answer;
  return trustContents
    ? { verdicts: [said(trusted(missing, cure))], mayRun: true }
    : { verdicts: [said(notIsolated(missing, cure))], mayRun: false };
}

/** On a server that somebody named, a superuser's rights reach as far as that server's own account. */
export async function decideOnNamedServer(
  server: Connection,
  { trustContents = false }: { readonly trustContents?: boolean | undefined },
): Promise<Execution> {
  const where = describeServer(server);
  const reaches = await withClient(server, reachesBeyondDatabase);
  if (!reaches || trustContents) return { verdicts: [said(ranThere(where, reaches))], mayRun: true };
  return { verdicts: [said(tooPowerful(where))], mayRun: false };
}

/**
 * Superuser, or a member of the roles that run programs and touch files as the server's own account; up to version 15,
 * CREATEROLE may make itself one.
 */
async function reachesBeyondDatabase(sql: Sql): Promise<boolean> {
  const { rows } = await sql.query<{ beyond: string }>(
    `select (r.rolsuper
             or (r.rolcreaterole and pg_catalog.current_setting('server_version_num')::int < 160000)
             or exists (
        select from pg_catalog.pg_roles g
         where g.rolname in ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files')
           and pg_catalog.pg_has_role(r.oid, g.oid, 'member')))::text as beyond
       from pg_catalog.pg_roles r where r.rolname = current_user`,
  );
  return rows[0]?.beyond !== "false";
}

const component = "isolation";

function said(finding: Finding): ComponentVerdict {
  return judge(component, 1, [finding]);
}

function finding(level: Finding["level"], code: string, sentence: string, remedy: string): Finding {
  return { level, code, sentence, publicSentence: sentence, remedy };
}

const trustRemedy =
  "Or set `trust-contents: true` (--trust-contents) if you trust whoever could change the source.";

function notIsolated(missing: string, cure: string): Finding {
  return finding(
    "warning",
    "isolation-missing",
    `The contents were not executed, because they cannot be isolated here. ${missing}`,
    `${cure} ${trustRemedy}`,
  );
}

function trusted(missing: string, cure: string): Finding {
  return finding(
    "info",
    "contents-trusted",
    `The contents ran with this job's own rights, because \`trust-contents\` allows it. ${missing}`,
    cure,
  );
}

function tooPowerful(where: string): Finding {
  return finding(
    "warning",
    "server-role-too-powerful",
    `The contents were not executed: on ${where} this role can run programs, and Lifeboat cannot isolate that server.`,
    `Connect as a role that is not a superuser, or leave out \`server-url\`. ${trustRemedy}`,
  );
}

function ranThere(where: string, reaches: boolean): Finding {
  const how = reaches ? ", as a role that can run programs there" : "";
  return finding(
    "info",
    "ran-on-named-server",
    `The contents ran on ${where}${how}; Lifeboat does not isolate that server.`,
    "Leave out `server-url` to restore into an isolated server that is thrown away.",
  );
}
