/** A snapshot into a Supabase project, step by step in one open transaction: whatever goes wrong, nothing happened. */
import type { Sql } from "../postgres/client.ts";
import { type Refusal, weightOf } from "../postgres/refusal.ts";
import { loadLargeObjects } from "../postgres/restore-large-objects.ts";
import { copyRows } from "../postgres/restore-rows.ts";
import { advanceSequences } from "../postgres/restore-sequences.ts";
import type { TocEntry } from "../postgres/restore-toc.ts";
import { databaseOf, type DatabaseContents } from "../snapshot/contents.ts";
import type { VaultSecret } from "../snapshot/supabase-contents.ts";
import type { Classified } from "../supabase/classify.ts";
import { clearProject, deleteManagedRows } from "../supabase/clear-project.ts";
import { silenceDefaultPrivileges } from "../supabase/default-privileges.ts";
import { isManagedSchema } from "../supabase/managed.ts";
import type { ProjectMode } from "../supabase/project-mode.ts";
import { BorrowedRoles, ownerChanges } from "../supabase/owners.ts";
import type { ProjectFacts } from "../supabase/project-facts.ts";
import type { ProjectTally } from "../supabase/project-report.ts";
import { restoreRoles, restoreSettings, type RoleSource } from "../supabase/project-roles.ts";
import { restoreMemberships, restoreRoleTraits } from "../supabase/project-memberships.ts";
import { runLateEntries } from "../supabase/late-entries.ts";
import { putBack } from "../supabase/put-back.ts";
import { isQueues, restoreQueues } from "../supabase/queues.ts";
import { entryRefused, type EntryRunner, runEntries } from "../supabase/run-entries.ts";
import { usersDefaultGrants } from "../supabase/users-grants.ts";
import { createExtensions, restoreSecrets, type SecretId } from "../supabase/services.ts";
import type { Finding } from "../verification/findings.ts";
import { lossesOf } from "./restore-losses.ts";
import { allEntries, type ArchiveReading, type ProjectArchive } from "./project-archive.ts";

export interface ProjectLoad extends ArchiveReading {
  readonly mode: ProjectMode;
  readonly facts: ProjectFacts;
  readonly archive: ProjectArchive;
  readonly database: string;
  readonly runner: EntryRunner;
  readonly roles: RoleSource;
  readonly secrets: readonly VaultSecret[];
  readonly tally: ProjectTally;
  /** Names of what may be missing. */
  readonly accept: readonly string[];
}

export interface LoadedProject {
  readonly rolesCreated: readonly string[];
  readonly secretIds: readonly SecretId[];
  /** What is missing, or restored without being validated. */
  readonly refusals: readonly Refusal[];
  readonly findings: readonly Finding[];
}

const followers = ["ACL", "COMMENT", "SECURITY LABEL"];
const lateKinds = [...followers, "MATERIALIZED VIEW DATA", "SEQUENCE SET", "TABLE DATA", "BLOBS", "SCHEMA"];

export async function loadProject(sql: Sql, load: ProjectLoad): Promise<LoadedProject> {
  const { archive, database, mode, facts, roles, runner, secrets, tally } = load;
  const backup = databaseOf(load.contents);
  const all = allEntries(archive);
  const restored = all.filter((classified) => classified.class === "restore").map(({ entry }) => entry);
  const apart = (...kinds: string[]): Classified[] =>
    all.filter(({ entry, class: kind }) => kind === "put-back" && kinds.includes(entry.kind));
  const main = restored.filter(({ kind, section }) => !lateKinds.includes(kind) && section !== "post-data");
  const late = restored.filter(({ kind, section }) => !lateKinds.includes(kind) && section === "post-data");
  const of = (...kinds: string[]): TocEntry[] => restored.filter(({ kind }) => kinds.includes(kind));

  await silenceDefaultPrivileges(sql);
  const replica = "set session_replication_role = replica";
  if (mode.inPlace) {
    await sql.query(replica);
    await clearProject(sql, { ...runner, facts, secrets: secrets.length > 0 });
    // Extensions come with the platform's own event triggers, which give their rights.
    await sql.query("set session_replication_role = origin");
  }
  const { created: rolesCreated, findings: ofRoles } = await restoreRoles(runner, roles, tally);
  const created = new Set(rolesCreated);
  const ofMemberships = await restoreMemberships(runner, roles, created, tally);
  const ofTraits = await restoreRoleTraits(runner, roles, created);
  await runEntries(runner, of("SCHEMA"));
  const extensions = new Set(apart("EXTENSION").map(({ entry }) => entry.tag));
  await createExtensions(
    sql,
    backup.extensions.filter(({ name }) => extensions.has(name)),
  );
  await sql.query(replica);

  await putBack(runner, apart("FOREIGN DATA WRAPPER"), tally);
  await runEntries(runner, main);
  const borrowed = new BorrowedRoles(sql);
  const changes = ownerChanges([...of("SCHEMA"), ...main], "postgres");
  await borrowed.borrow(
    [...changes.map(({ owner }) => owner), ...grantorsOf(apart("DEFAULT ACL"))],
    runner.targetMajor,
  );
  await borrowed.change(changes);

  await deleteManagedRows(sql, facts);
  await loadRows(sql, load);
  // Before a publication of all tables is there, which would have a replica identity of pgmq's.
  await restoreQueues(sql, backup.supabase?.queues ?? [], archive.services.queues, tally);
  await runEntries(
    runner,
    of("SEQUENCE SET").filter((entry) => !isManagedSchema(entry.schema) || isQueues(entry)),
  );
  await advanceSequences(
    sql,
    backup.sequences.filter(({ schema }) => !isManagedSchema(schema)),
  );
  const refusals = await runLateEntries(runner, [...late, ...of("MATERIALIZED VIEW DATA")]);
  requireRowsAndRights(lossesOf(refusals, load));
  const missing = new Set(
    refusals
      .filter(({ outcome }) => outcome === "missing")
      .flatMap(({ entry, dependents }) => [entry.dumpId, ...dependents.map(({ dumpId }) => dumpId)]),
  );
  const isAboutThere = ({ dependencies }: TocEntry): boolean => !dependencies.some((id) => missing.has(id));
  await runEntries(runner, of("ACL").filter(isAboutThere));
  await runEntries(runner, of("COMMENT").filter(isAboutThere));
  await putBack(
    runner,
    all.filter(
      ({ entry, class: kind }) =>
        kind === "put-back" &&
        !["EXTENSION", "FOREIGN DATA WRAPPER", "DEFAULT ACL", "TABLE DATA"].includes(entry.kind),
    ),
    tally,
  );
  await runEntries(
    runner,
    apart("DEFAULT ACL").map(({ entry }) =>
      isManagedSchema(entry.schema) ? { ...entry, definition: usersDefaultGrants(entry.definition) } : entry,
    ),
  );
  await borrowed.giveBack();
  const ofSettings = await restoreSettings(sql, database, backup, created, tally);
  const secretIds = archive.services.secrets ? await restoreSecrets(sql, secrets, tally) : [];
  await sql.query("set session_replication_role = origin");
  tallyEntries(all, load, tally, missing);
  // In a fresh project, what is there beside the backup's is the platform's.
  const beside = mode.inPlace ? [...ofSettings, ...extensionsBeside(facts, backup)] : [];
  return {
    rolesCreated,
    secretIds,
    refusals,
    findings: [...ofRoles, ...ofMemberships, ...ofTraits, ...beside],
  };
}

function extensionsBeside(facts: ProjectFacts, { extensions }: DatabaseContents): readonly Finding[] {
  const backedUp = new Set(extensions.map(({ name }) => name));
  return [...facts.extensions]
    .filter((name) => !backedUp.has(name))
    .map((name) => ({
      level: "info",
      code: "extension-unexpected",
      sentence: `The extension ${name} is not in the backup.`,
      publicSentence: "An extension is there that is not in the backup.",
      remedy: "It stood in the target before; drop it if nobody needs it.",
    }));
}

/** Roles for which the backup has default privileges: only they, or who is a member, may restore them. */
function grantorsOf(entries: readonly Classified[]): readonly string[] {
  return entries.map(({ entry }) => entry.owner).filter((owner) => owner !== "postgres" && owner !== "");
}

async function loadRows(sql: Sql, { archive, source, tools }: ProjectLoad): Promise<void> {
  for (const { name, entries } of archive.parts) {
    const chosen = entries.filter((classified) => classified.class === "restore").map(({ entry }) => entry);
    const part = { source, name, zstd: tools.zstd };
    const rows = chosen.filter(({ kind }) => kind === "TABLE DATA");
    if (rows.length > 0) {
      await copyRows(sql, part, tools, rows, (entry) => {
        const columns = archive.columns.get(entry.oid);
        const table = copiedTable(entry);
        return columns === undefined ? { table } : { table, columns };
      });
    }
    await loadLargeObjects(
      sql,
      part,
      tools,
      chosen.filter(({ kind }) => kind === "BLOBS"),
    );
  }
}

/** As the archive's own COPY names it: a partition of some kinds is loaded through its root. */
function copiedTable({ copyStatement }: TocEntry): string {
  const name = String.raw`(?:"(?:[^"]|"")*"|[^\s"(.]+)`;
  return new RegExp(`^COPY (${name}\\.${name}) `, "s").exec(copyStatement)?.[1] ?? "";
}

/** Without these a recovery is none; the first one is the reason. */
function requireRowsAndRights(losses: readonly Refusal[]): void {
  const heavy = losses.find((loss) => weightOf(loss) !== "else");
  if (heavy !== undefined) throw entryRefused(heavy.entry, heavy.refused);
}

/** Everything that was not tallied in its own step, so that each entry stands in exactly one place. */
function tallyEntries(
  all: readonly Classified[],
  { archive }: ProjectLoad,
  tally: ProjectTally,
  missing: ReadonlySet<number>,
): void {
  for (const { entry, class: kind, reason } of all) {
    const name = `${entry.schema}.${entry.tag}`;
    if (kind === "restore" && missing.has(entry.dumpId))
      tally.add(entry.kind, "person", { name, reason: "the target refused it" });
    else if (kind !== "put-back")
      tally.add(entry.kind, kind === "restore" ? "restored" : kind, { name, reason });
    else if (["EXTENSION", "DEFAULT ACL"].includes(entry.kind)) tally.add(entry.kind, "restored");
    else if (entry.kind === "TABLE DATA") {
      const takes =
        entry.schema === "pgmq"
          ? archive.services.queues
          : entry.schema === "cron"
            ? archive.services.cronJobs
            : archive.services.secrets;
      tally.add(entry.kind, takes ? "restored" : "extension-missing", {
        name,
        reason: takes ? "" : "the target lacks the extension",
      });
    }
  }
}
