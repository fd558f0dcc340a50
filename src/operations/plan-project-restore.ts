/** Plans the restore of a database snapshot into a Supabase project, which keeps what the platform made. */
import { LifeboatError } from "../errors.ts";
import { describeServer } from "../postgres/connection.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import type { TargetFacts } from "../postgres/restore-target.ts";
import { type Contents, databaseOf } from "../snapshot/contents.ts";
import { databaseAddress } from "../supabase/database-address.ts";
import { isPlatformRole } from "../supabase/platform-roles.ts";
import type { ProjectMode } from "../supabase/project-mode.ts";
import { messagesLeftOut } from "../supabase/queues.ts";
import type { ProjectFacts } from "../supabase/project-facts.ts";
import { type ProjectReport, ProjectTally } from "../supabase/project-report.ts";
import type { RestorePlan, RestoreRequest } from "./plan-database-restore.ts";
import { allEntries, type ProjectArchive } from "./project-archive.ts";

export interface ProjectPlanInput {
  readonly contents: Contents;
  readonly request: RestoreRequest;
  readonly mode: ProjectMode;
  readonly facts: TargetFacts;
  readonly project: ProjectFacts;
  readonly archive: ProjectArchive;
}

/** Throws, before anything was touched, where the restore is impossible, refused or not confirmed. */
export function planProjectRestore(input: ProjectPlanInput): RestorePlan {
  const { contents, request, mode, facts, archive } = input;
  const database = databaseOf(contents);
  guardContent(input);
  guardPossible(input);
  guardConfirmed(input);
  const custom = database.roles.map(({ name }) => name).filter((name) => !isPlatformRole(name));
  const report = previewOf(archive);
  return {
    formatVersion: 1,
    snapshot: { source: contents.source, id: contents.id, moment: database.moment.time },
    backedUp: { database: database.properties.name, serverVersion: database.server.version },
    target: {
      server: describeServer(request.target),
      user: facts.user.name,
      database: request.target.database,
      serverVersion: facts.server.version,
      oid: facts.existing?.oid ?? null,
    },
    mode,
    roles: { choice: "as-backed-up", missing: custom.filter((name) => !facts.roles.has(name)).toSorted() },
    // One transaction is one connection.
    jobs: 1,
    acceptNotVerified: request.acceptNotVerified === true,
    isAtomic: request.isAtomic === true,
    accept: request.accept ?? [],
    isOwnerless: request.isOwnerless === true,
    substituteLocale: false,
    skippedExtensions: missingExtensions(archive),
    lateExtensions: [],
    unloadable: [],
    destroys: whatIsReplaced(input),
    cannotRestore: whatIsLost(report, input),
    steps: stepsOf(mode, input),
    preview: report.lines,
    estimates: {
      tables: database.tables.length,
      rows: sum(database.tables.map(({ rows }) => rows ?? 0)),
      neededBytes: sum(database.tables.map(({ bytes }) => bytes)),
      freeBytes: facts.freeBytes ?? null,
    },
  };
}

function missingExtensions(archive: ProjectArchive): readonly string[] {
  return allEntries(archive).flatMap(({ entry, class: kind }) =>
    entry.kind === "EXTENSION" && kind === "extension-missing" ? [entry.tag] : [],
  );
}

/** What a restore would report if nothing were refused. */
function previewOf(archive: ProjectArchive): ProjectReport {
  const tally = new ProjectTally();
  for (const { entry, class: kind, reason } of allEntries(archive)) {
    const outcome = kind === "put-back" ? "restored" : kind === "restore" ? "restored" : kind;
    tally.add(entry.kind, outcome, { name: `${entry.schema}.${entry.tag}`, reason });
  }
  return tally.report();
}

/** The name that `confirm` must be: people know a project by its ref. */
export function projectName({ request }: Pick<ProjectPlanInput, "request">): string {
  return databaseAddress(request.target).projectRef ?? request.target.database;
}

function guardContent({ mode, project, request }: ProjectPlanInput): void {
  if (mode.inPlace || project.content.length === 0) return;
  const there = project.content.map(({ what, count }) => `${count} ${what}`).join(", ");
  throw new LifeboatError(
    "restore-target-exists",
    `The target on ${describeServer(request.target)} is a Supabase project with something in it: ${there}.`,
    {
      hint:
        "Restore into a fresh project, or in place with confirm: what stands there is first backed up, then replaced. " +
        "Single tables or schemas can be restored beside what is there.",
    },
  );
}

function guardPossible({ contents, facts, archive, project, mode, request }: ProjectPlanInput): void {
  const reasons = [...archive.refusals];
  const archiveMajor = Number.parseInt(databaseOf(contents).client.version, 10);
  if (facts.clientMajor < archiveMajor) {
    reasons.push(
      `the backup was written by pg_dump ${archiveMajor}, pg_restore here is ${facts.clientMajor}`,
    );
  }
  const locks =
    locksNeeded(archive) + (mode.inPlace ? sum(project.content.map(({ count }) => count)) * 3 : 0);
  if (locks > project.lockSlots) {
    reasons.push(
      `one transaction would hold about ${locks} locks, and the server has room for ${project.lockSlots} ` +
        "(max_locks_per_transaction times max_connections)",
    );
  }
  if (
    facts.existing !== undefined &&
    facts.existing.properties.encoding !== databaseOf(contents).properties.encoding
  ) {
    reasons.push(
      `the backup's encoding is ${databaseOf(contents).properties.encoding}, the target's ${facts.existing.properties.encoding}`,
    );
  }
  if (reasons.length === 0) return;
  throw new LifeboatError(
    "restore-impossible",
    `This snapshot cannot be restored here: ${reasons.join("; ")}.`,
    {
      publicSentence: `This snapshot cannot be restored here, for ${reasons.length} reasons.`,
      hint: `Give ${quoteIdentifier(request.target.database)} what it lacks (an older project: let the platform update it), then run again.`,
    },
  );
}

/** A table comes with its TOAST table and that one's index. */
function locksNeeded(archive: ProjectArchive): number {
  const weight: Readonly<Record<string, number>> = {
    TABLE: 3,
    "MATERIALIZED VIEW": 3,
    INDEX: 1,
    CONSTRAINT: 1,
    SEQUENCE: 1,
    VIEW: 1,
  };
  const made = allEntries(archive).filter(({ class: kind }) => kind === "restore");
  return sum(made.map(({ entry }) => weight[entry.kind] ?? 0));
}

function guardConfirmed(input: ProjectPlanInput): void {
  if (!input.mode.inPlace) return;
  const { confirm } = input.request;
  const name = projectName(input);
  if (confirm === undefined || confirm === "") {
    throw new LifeboatError(
      "confirm-needed",
      `This would replace what is in the project ${quoteIdentifier(name)}; it was not confirmed.`,
    );
  }
  if (confirm !== name && confirm !== input.request.target.database) {
    throw new LifeboatError(
      "confirm-mismatch",
      `${JSON.stringify(confirm)} is not the target's name, ${quoteIdentifier(name)}.`,
    );
  }
}

function whatIsReplaced({ mode, project, contents }: ProjectPlanInput): readonly string[] {
  const lines = project.content.map(({ what, count }) => `${count} ${what}`);
  if (!mode.inPlace) return [];
  const secrets = databaseOf(contents).supabase?.vaultSealed === true;
  return [
    ...lines.filter((line) => secrets || !line.endsWith(" secrets")),
    "Sign-ins: whoever is signed in signs in anew.",
    "The default privileges of postgres.",
  ];
}

function whatIsLost(report: ProjectReport, { contents, archive }: ProjectPlanInput): readonly string[] {
  const database = databaseOf(contents);
  const { supabase } = database;
  const lines = report.lines.flatMap(({ kind, reasons }) =>
    reasons
      .filter(({ outcome }) => outcome === "person" || outcome === "extension-missing")
      .map(({ count, reason }) => `${kind}: ${count} (${reason}).`),
  );
  if ((supabase?.vaultSecrets ?? 0) > 0 && supabase?.vaultSealed !== true) {
    lines.push(`secrets: ${supabase?.vaultSecrets ?? 0} (their values are not in this backup).`);
  }
  if ((supabase?.cronJobs.length ?? 0) > 0 && !archive.services.cronJobs) {
    lines.push(`cron jobs: ${supabase?.cronJobs.length ?? 0} (the target lacks pg_cron).`);
  }
  const queues = supabase?.queues ?? [];
  if (queues.length > 0 && !archive.services.queues) {
    lines.push(`queues: ${queues.length} (the target lacks pgmq).`);
  }
  lines.push(
    ...messagesLeftOut(queues).map(
      (told) => `queue ${told} (not in this backup; the queue comes back empty).`,
    ),
  );
  if (supabase?.verifiers !== true) lines.push("Passwords of roles: they are not in this backup.");
  lines.push("Files in buckets: their rows are restored, their bytes come with `restore storage`.");
  return lines;
}

function stepsOf(
  { inPlace, cronJobs, signIns }: ProjectMode,
  { project }: ProjectPlanInput,
): readonly string[] {
  return [
    inPlace
      ? "Back the project up, verify that backup unsealed, and hold it; then begin one transaction."
      : `Begin one transaction (the project is ${project.content.length === 0 ? "fresh: nothing to back up first" : "not empty"}).`,
    ...(inPlace ? ["Take a user's own objects out one by one; delete rows of the platform's tables."] : []),
    "Silence default privileges; create roles, schemas and missing extensions.",
    "With triggers silent: create objects, load all rows, build indexes and constraints.",
    `Load people, buckets and objects' rows into the platform's tables, with${signIns ? "" : "out"} sign-ins.`,
    "Put back triggers and policies on the platform's tables, publications, event triggers, secrets.",
    "Grant what the backup grants and nothing else; restore default privileges and settings.",
    "Compare rows, objects and rights with the backup; check foreign keys.",
    cronJobs === "inactive" ? "Schedule jobs, inactive." : "Schedule jobs as they were.",
    "Commit; on any doubt roll back.",
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
