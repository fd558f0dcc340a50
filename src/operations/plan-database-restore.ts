/** Plans the restore of a database snapshot: what will happen, what it destroys, what it cannot bring back, or why not. */
import { LifeboatError } from "../errors.ts";
import { type Connection, describeServer } from "../postgres/connection.ts";
import { quoteIdentifier, quoteQualified } from "../postgres/identifiers.ts";
import { planRoles, type RoleChoice } from "../postgres/missing-roles.ts";
import { providerRefusal } from "../postgres/new-database.ts";
import type { TargetFacts } from "../postgres/restore-target.ts";
import { subscriptionsLost } from "../postgres/subscriptions.ts";
import { type Selection, selectTables } from "../postgres/toc-selection.ts";
import { type Contents, databaseOf, type DatabaseContents } from "../snapshot/contents.ts";
import type { ProjectMode } from "../supabase/project-mode.ts";
import type { ReportLine } from "../supabase/project-report.ts";
import { type ExtensionPlan, planExtensions } from "./plan-extensions.ts";
import { hashOfPlan } from "./plan-hash.ts";

export interface RestoreRequest {
  /** The server, and the database to restore into. */
  readonly target: Connection;
  readonly mode:
    | { readonly kind: "new-database" }
    | { readonly kind: "in-place" }
    | ({ readonly kind: "tables" } & Selection)
    | ProjectMode;
  /** What the person typed; must be the target's name where something that exists is replaced. */
  readonly confirm?: string;
  readonly roles?: RoleChoice;
  readonly jobs: number;
  /** Go on where the comparison could not be made (`not-verified`); a comparison that failed always stops. */
  readonly acceptNotVerified?: boolean;
  /** All or nothing: the first object that the server refuses ends it. Default: everything else is restored. */
  readonly isAtomic?: boolean;
  /** What may be missing: `index:public.cities_name_key`, or all of a kind: `index`. */
  readonly accept?: readonly string[];
  /** Everything belongs to the restoring role. */
  readonly isOwnerless?: boolean;
  /** For throwaway servers: use C where the machine lacks the backup's locale, and say so. */
  readonly substituteLocale?: boolean;
  /** Extensions that the server lacks, and what needs them: the restore is refused (default), or goes without. */
  readonly missingExtensions?: "refuse" | "skip";
}

/** Plain data without secrets: what a dry run shows is what the real run performs. */
export interface RestorePlan {
  readonly formatVersion: 1;
  readonly snapshot: { readonly source: string; readonly id: string; readonly moment: string };
  readonly backedUp: { readonly database: string; readonly serverVersion: string };
  readonly target: {
    readonly server: string;
    readonly user: string;
    readonly database: string;
    readonly serverVersion: string;
    /** null: it does not exist yet. */
    readonly oid: string | null;
  };
  readonly mode: RestoreRequest["mode"];
  readonly roles: { readonly choice: RoleChoice; readonly missing: readonly string[] };
  readonly jobs: number;
  readonly acceptNotVerified: boolean;
  readonly isAtomic: boolean;
  readonly accept: readonly string[];
  readonly isOwnerless: boolean;
  readonly substituteLocale: boolean;
  /** Left out with everything that needs them. */
  readonly skippedExtensions: readonly string[];
  /** Those of them that are brought once the database has its name. */
  readonly lateExtensions: readonly string[];
  /** Installed on the server, but not so that they could be created. */
  readonly unloadable: ExtensionPlan["unloadable"];
  readonly destroys: readonly string[];
  readonly cannotRestore: readonly string[];
  readonly steps: readonly string[];
  /** Into a Supabase project: kind by kind, what becomes of the backup's entries if nothing is refused. */
  readonly preview?: readonly ReportLine[];
  /** What changes from minute to minute; not part of the hash. */
  readonly estimates: {
    readonly tables: number;
    readonly rows: number;
    readonly neededBytes: number;
    readonly freeBytes: number | null;
  };
}

export interface PlanInput {
  readonly contents: Contents;
  readonly request: RestoreRequest;
  readonly facts: TargetFacts;
}

/** Throws, before anything was touched, where the restore is impossible, refused or not confirmed. */
export function planDatabaseRestore({ contents, request, facts }: PlanInput): RestorePlan {
  const database = databaseOf(contents);
  const { mode, target } = request;
  // Chosen names are looked up first: a misspelt table must not cost a confirmation.
  if (mode.kind === "tables") selectTables(database.tables, mode);
  guardTarget(request, facts);
  guardPossible(database, request, facts);
  guardConfirmed(request);
  const choice = request.roles ?? "without-login";
  const missing = mode.kind === "tables" ? [] : planRoles(database.roles, facts.roles, choice).missing;
  const extensions = extensionsOf(database, request, facts);
  const estimates = estimate(contents, database, facts);
  guardSpace(request, estimates);
  return {
    formatVersion: 1,
    snapshot: { source: contents.source, id: contents.id, moment: database.moment.time },
    backedUp: { database: database.properties.name, serverVersion: database.server.version },
    target: {
      server: describeServer(target),
      user: facts.user.name,
      database: target.database,
      serverVersion: facts.server.version,
      oid: facts.existing?.oid ?? null,
    },
    mode,
    roles: { choice, missing: missing.map(({ name }) => name) },
    jobs: request.jobs,
    acceptNotVerified: request.acceptNotVerified === true,
    isAtomic: request.isAtomic === true,
    accept: request.accept ?? [],
    isOwnerless: request.isOwnerless === true,
    substituteLocale: request.substituteLocale === true,
    skippedExtensions: extensions.skipped,
    lateExtensions: extensions.late,
    unloadable: extensions.unloadable,
    destroys: whatIsReplaced(request),
    cannotRestore: whatIsLost(database, request, facts),
    steps: [
      ...stepsOf(request, missing.length, facts.existing?.enabledSubscriptions ?? 0),
      ...extensions.late.map(
        (name) =>
          `Create the extension ${name} there, with its rows: it cannot be in a database of another name.`,
      ),
    ],
    estimates,
  };
}

/** Lower-case hex SHA-256 of everything that the plan promises; the same for the same promise. */
export function planHash(plan: RestorePlan): string {
  const promised: Partial<RestorePlan> = { ...plan };
  delete (promised as { estimates?: unknown }).estimates;
  return hashOfPlan(promised);
}

function guardTarget({ mode, target }: RestoreRequest, { existing }: TargetFacts): void {
  const name = quoteIdentifier(target.database);
  if (mode.kind === "new-database" && existing !== undefined) {
    throw new LifeboatError(
      "restore-target-exists",
      `The database ${name} exists on ${describeServer(target)}.`,
      {
        hint:
          "Choose one: another name in the target URL (a new database), in place with confirm (the existing one is " +
          "replaced after the copy is proven, and kept under another name), or single tables or schemas.",
      },
    );
  }
  if (mode.kind !== "new-database" && existing === undefined) {
    throw new LifeboatError(
      "database-missing",
      `The server ${describeServer(target)} has no database ${name}.`,
      {
        hint: "Restore into a new database of that name, or correct the name in the target URL.",
      },
    );
  }
}

function guardConfirmed({ mode, target, confirm }: RestoreRequest): void {
  if (mode.kind === "new-database") return;
  const name = quoteIdentifier(target.database);
  if (confirm === undefined || confirm === "") {
    const what =
      mode.kind === "in-place" ? `replace the database ${name}` : `replace rows in the database ${name}`;
    throw new LifeboatError("confirm-needed", `This would ${what}; it was not confirmed.`);
  }
  if (confirm !== target.database) {
    throw new LifeboatError(
      "confirm-mismatch",
      `${JSON.stringify(confirm)} is not the target's name, ${name}.`,
    );
  }
}

/** All reasons together: somebody in an emergency must not find them one by one. */
function guardPossible(database: DatabaseContents, request: RestoreRequest, facts: TargetFacts): void {
  const { mode, missingExtensions } = request;
  const reasons: string[] = [];
  const { server, clientMajor, existing } = facts;
  if (database.server.major > server.major) {
    reasons.push(`the backup is of PostgreSQL ${database.server.major}, the server is ${server.major}`);
  }
  const archiveMajor = Number.parseInt(database.client.version, 10);
  if (clientMajor < archiveMajor) {
    reasons.push(`the backup was written by pg_dump ${archiveMajor}, pg_restore here is ${clientMajor}`);
  }
  if (mode.kind !== "tables") {
    const provider = providerRefusal(database.properties, server.major);
    if (provider !== undefined) reasons.push(provider);
    const { missing, unloadable } = extensionsOf(database, request, facts);
    if (missing.length > 0 && missingExtensions !== "skip") {
      const why = unloadable.filter(({ name }) => missing.includes(name)).map((one) => `; ${one.why}`);
      reasons.push(
        `the server does not have the extensions ${missing.join(", ")}${why.join("")} (skip-missing-extensions restores all that does not need them)`,
      );
    }
    if (!facts.user.canCreateDatabases) reasons.push(`the role ${facts.user.name} may not create databases`);
  }
  if (mode.kind === "in-place" && existing !== undefined && existing.preparedTransactions > 0) {
    reasons.push(`${existing.preparedTransactions} prepared transactions hold the existing database`);
  }
  if (reasons.length > 0) {
    throw new LifeboatError(
      "restore-impossible",
      `This snapshot cannot be restored here: ${reasons.join("; ")}.`,
    );
  }
}

/** Chosen tables bring no extension. */
function extensionsOf(
  database: DatabaseContents,
  { mode, target }: RestoreRequest,
  facts: TargetFacts,
): ExtensionPlan {
  const wanted = mode.kind === "tables" ? [] : database.extensions;
  return planExtensions({ extensions: wanted }, facts, target.database);
}

function guardSpace({ mode }: RestoreRequest, { neededBytes, freeBytes }: RestorePlan["estimates"]): void {
  if (mode.kind === "tables" || freeBytes === null || freeBytes >= neededBytes) return;
  throw new LifeboatError(
    "disk-too-small",
    `The restore needs about ${inMebibytes(neededBytes)} on the server's disk; ${inMebibytes(freeBytes)} are free.`,
  );
}

function estimate(
  contents: Contents,
  database: DatabaseContents,
  facts: TargetFacts,
): RestorePlan["estimates"] {
  const onDisk = sum(database.tables.map(({ bytes }) => bytes));
  const raw = sum(contents.files.map(({ rawBytes }) => rawBytes));
  return {
    tables: database.tables.length,
    rows: sum(database.tables.map(({ rows }) => rows ?? 0)),
    neededBytes: Math.max(onDisk, raw),
    freeBytes: facts.freeBytes ?? null,
  };
}

function whatIsReplaced({ mode, target }: RestoreRequest): readonly string[] {
  const name = quoteIdentifier(target.database);
  switch (mode.kind) {
    case "new-database":
    case "supabase":
      return [];
    case "in-place":
      return [
        `Everything written to ${name} since the snapshot's moment is not in the restored database.`,
        `All sessions in ${name} are ended at the swap.`,
      ];
    case "tables":
      return [`The present rows of the chosen tables that exist in ${name}, in one transaction.`];
  }
}

function whatIsLost(
  database: DatabaseContents,
  request: RestoreRequest,
  facts: TargetFacts,
): readonly string[] {
  const { mode, isOwnerless } = request;
  const lost = database.tables
    .filter(({ notBackedUp }) => notBackedUp !== undefined)
    .map(({ schema, name, notBackedUp }) => `Rows of ${quoteQualified(schema, name)}: ${notBackedUp ?? ""}.`);
  if (mode.kind === "tables") {
    return [...lost, "Views, functions and types in schemas that exist are left as they are."];
  }
  const { missing, unloadable } = extensionsOf(database, request, facts);
  const reasons = new Map(unloadable.map(({ name, why }) => [name, why]));
  for (const name of new Set([...missing, ...reasons.keys()])) {
    const why = reasons.get(name);
    const lacks = why === undefined ? ", which the server does not have, and" : " and";
    lost.push(
      `The extension ${name}${lacks} everything that needs it${why === undefined ? "" : `: ${why}`}.`,
    );
  }
  if (isOwnerless === true) {
    lost.push("The owners of all objects: everything belongs to the restoring role.");
  } else if (!facts.user.isSuperuser) {
    lost.push(
      "Owners that the restoring role cannot become: these objects belong to the restoring role (no-owner does so for all).",
    );
  }
  if (mode.kind === "in-place" && (facts.existing?.replicationSlots ?? 0) > 0) {
    lost.push("Logical replication slots stay with the replaced database and must be made anew.");
  }
  lost.push(...subscriptionsLost(database.objects));
  if (database.hashesNotVerified !== undefined) {
    lost.push(`The proof of contents by hashes: ${database.hashesNotVerified}.`);
  }
  return lost;
}

function stepsOf(
  { mode, target, roles, jobs, isAtomic }: RestoreRequest,
  missingRoles: number,
  subscriptions: number,
): readonly string[] {
  const name = quoteIdentifier(target.database);
  if (mode.kind === "tables") {
    return [
      "Begin one transaction; check columns and lock the tables against writers.",
      "Create what is missing; delete and load the rows, with triggers and foreign keys silent.",
      "Move sequences forward, check foreign keys, compare rows with the backup.",
      "Commit; on any doubt roll back.",
    ];
  }
  const login = roles === "as-backed-up" ? "as they were backed up" : "without login";
  return [
    ...(missingRoles === 0 ? [] : [`Create ${missingRoles} missing roles ${login}; alter no existing one.`]),
    `Create a new database beside ${name} and load the snapshot with ${jobs} connections.`,
    isAtomic === true
      ? "Stop and drop it if the server refuses a single object (atomic)."
      : "Retry what the server refuses; name what is missing in the end, and what creates it.",
    "Compare it with the backup.",
    ...(mode.kind === "in-place" && subscriptions > 0
      ? [
          `Disable the ${subscriptions} enabled subscriptions of ${name}; their slots at the publisher stay, and hold back WAL there until you use or drop them.`,
        ]
      : []),
    ...(mode.kind === "in-place" && isAtomic !== true
      ? ["Stop and drop it if rows or rights are missing that were not accepted by name."]
      : []),
    mode.kind === "in-place"
      ? `Swap it with ${name} in one transaction; keep what stood before, closed to connections.`
      : `Give it the name ${name}.`,
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export function inMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}
