/** The inputs of `restore` and the flags of `lifeboat restore database` and `lifeboat restore storage`. */
import { availableParallelism } from "node:os";
import { isAbsolute } from "node:path";
import { LifeboatError } from "../../errors.ts";
import type { RestoreHooks } from "../../operations/restore-hooks.ts";
import type { RestoreRequest } from "../../operations/plan-database-restore.ts";
import type { SnapshotChoice } from "../../operations/locate-snapshot.ts";
import type { PolicySource } from "../../policy/policy.ts";
import { type Connection, parseConnection } from "../../postgres/connection.ts";
import { parseSchemaName, parseTableName, type TableName } from "../../postgres/toc-selection.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import type { Identities } from "../../seal/identities.ts";
import type { ChosenSource } from "../policy-source.ts";
import type { SigningKey } from "../../snapshot/signature.ts";
import { parseSource } from "../source-name.ts";
import type { ObjectFilter } from "../../storage/object-filter.ts";
import type { ProjectChoice } from "../../supabase/project-mode.ts";
import type { StorageConnection } from "../../supabase/storage-api.ts";
import { projectRestored, type ProjectInputs } from "../project-settings-inputs.ts";
import { chosenObjects, optionalStorageConnection } from "../storage-inputs.ts";
import { optionalIdentities, snapshotChoice } from "../snapshot-inputs.ts";
import { type TrustInputs, trustInputs } from "../trust-inputs.ts";
import { storeInputs, type StoreInputs } from "../surroundings.ts";

/** What every restore reads. */
interface CommonInputs {
  readonly store: StoreInputs;
  /** Signs the record of the restore in the ledger. */
  readonly trust: TrustInputs;
  /** The policy's: they stop and start the application, where the inputs name none. */
  readonly commands: { readonly before?: string; readonly after?: string };
  readonly source: string | undefined;
  readonly choice: SnapshotChoice;
  readonly identities: Identities;
  readonly dryRun: boolean;
  /** A dry run's hash: the plan must still be that one. */
  readonly planHash: string | undefined;
  readonly confirm: string | undefined;
  readonly chosenJobs: number | undefined;
  readonly postgresBin: string | undefined;
}

export interface DatabaseRestoreInputs extends CommonInputs {
  readonly kind: "database";
  readonly request: RestoreRequest;
  /** Where the target is a Supabase project. */
  readonly project: ProjectChoice;
  /** Signs what is backed up before a project is replaced. */
  readonly signingKey: SigningKey | undefined;
  readonly hooks: RestoreHooks;
}

export interface BucketRestoreInputs extends CommonInputs {
  readonly kind: "storage";
  readonly filter: ObjectFilter;
  readonly target: BucketTargetInputs;
  readonly jobs: number;
}

export type BucketTargetInputs =
  | {
      readonly kind: "supabase";
      readonly connection: StorageConnection;
      readonly database: Connection | undefined;
      readonly deleteExtraneous: boolean;
    }
  | { readonly kind: "directory"; readonly path: string; readonly replace: boolean };

export interface ApplicationRestoreInputs extends CommonInputs {
  readonly kind: "application";
  readonly target:
    | { /** Absolute. */ readonly folder: string; readonly project?: undefined }
    | { /** Its settings are written, and nothing else. */ readonly project: ProjectInputs };
}

export type RestoreInputs = DatabaseRestoreInputs | BucketRestoreInputs | ApplicationRestoreInputs;

/** What a policy calls the kind that is asked for; a word that is none of them is told with all other problems. */
export function restoredType(read: InputReader): PolicySource["type"] {
  const kind = read.optional.string("kind");
  if (kind === "storage") return "supabase-storage";
  return kind === "application" ? "application" : "postgres";
}

export function restoreInputs(read: InputReader, chosen?: ChosenSource): RestoreInputs {
  const kind = read.enum("kind", ["database", "storage", "application"], "database");
  const common = commonInputs(read, chosen);
  // All are read: a value that does not fit is worth telling even where it belongs to another kind.
  const database = databaseInputs(read, common, kind === "database");
  const buckets = bucketInputs(read, common, kind === "storage");
  const application = applicationInputs(read, common, kind === "application");
  if (kind === "application") return application;
  return kind === "storage" ? buckets : database;
}

/** The flags of `lifeboat restore application`. */
export function applicationRestoreInputs(read: InputReader, chosen?: ChosenSource): ApplicationRestoreInputs {
  return applicationInputs(read, commonInputs(read, chosen), true);
}

function applicationInputs(
  read: InputReader,
  common: CommonInputs,
  isMeant: boolean,
): ApplicationRestoreInputs {
  const project = projectRestored(read);
  const isProject = read.optional.string("project-settings") !== undefined;
  const folder = read.optional.parsed("target-directory", parseDirectory);
  if (isMeant && isProject && folder !== undefined) {
    read.problem("target-directory", "a project is given as well.", "Write a folder first, then settings.");
  } else if (isMeant && !isProject && folder === undefined) {
    read.problem(
      "target-directory",
      "is missing.",
      "Give the folder to write into, or with `project-settings` the project whose settings are written.",
    );
  }
  const target = project === undefined ? { folder: folder as string } : { project };
  return { ...common, kind: "application", target };
}

/** The flags of `lifeboat restore database`. */
export function databaseRestoreInputs(read: InputReader, chosen?: ChosenSource): DatabaseRestoreInputs {
  return databaseInputs(read, commonInputs(read, chosen), true);
}

/** The flags of `lifeboat restore storage`. */
export function bucketRestoreInputs(read: InputReader, chosen?: ChosenSource): BucketRestoreInputs {
  return bucketInputs(read, commonInputs(read, chosen), true);
}

function commonInputs(read: InputReader, chosen: ChosenSource | undefined): CommonInputs {
  const identities = optionalIdentities(read);
  if (identities === undefined) {
    read.problem("identity", "the backup is sealed.", "Give the identity that opens it, or the passphrase.");
  }
  return {
    store: storeInputs(read, chosen?.policy),
    trust: trustInputs(read, chosen),
    commands: chosen?.policy.restore ?? {},
    source: read.optional.parsed("source", parseSource) ?? chosen?.source.name,
    choice: snapshotChoice(read),
    identities: identities as Identities,
    dryRun: read.boolean("dry-run", false),
    planHash: read.optional.string("plan-hash"),
    confirm: read.optional.string("confirm"),
    chosenJobs: read.optional.integer("jobs", { min: 1, max: 64 }),
    postgresBin: read.optional.string("postgres-bin"),
  };
}

function databaseInputs(read: InputReader, common: CommonInputs, isMeant: boolean): DatabaseRestoreInputs {
  const target = read.optional.secret("target-url", (text) => parseConnection(text, "target URL"));
  if (isMeant && target === undefined) {
    read.problem("target-url", "is missing.", "Give the postgresql:// URL of the database to restore into.");
  }
  const { chosenJobs, dryRun } = common;
  // A dry run destroys nothing, so it needs no confirmation.
  const confirm = dryRun ? target?.database : common.confirm;
  return {
    ...common,
    kind: "database",
    request: {
      target: target as Connection,
      mode: restoreMode(read),
      roles: read.enum("roles", ["without-login", "as-backed-up"], "without-login"),
      jobs: chosenJobs ?? Math.min(4, availableParallelism()),
      acceptNotVerified: read.boolean("accept-not-verified", false),
      accept: read.optional.parsed("accept", parseAccepted) ?? [],
      isAtomic: read.boolean("atomic", false),
      isOwnerless: read.boolean("no-owner", false),
      missingExtensions: read.boolean("skip-missing-extensions", false) ? "skip" : "refuse",
      ...(confirm === undefined ? {} : { confirm }),
    },
    project: {
      target: read.enum("target-kind", ["auto", "supabase", "postgresql"], "auto"),
      cronJobs: read.enum("cron-jobs", ["inactive", "as-backed-up"], "inactive"),
      signIns: read.boolean("sign-ins", false),
    },
    signingKey: common.trust.signingKey,
    hooks: hooks(read, common.commands),
  };
}

function bucketInputs(read: InputReader, common: CommonInputs, isMeant: boolean): BucketRestoreInputs {
  const connection = optionalStorageConnection(read);
  const path = read.optional.parsed("target-directory", parseDirectory);
  if (isMeant && (connection === undefined) === (path === undefined)) {
    read.problem(
      "supabase-url",
      path === undefined ? "no target is given." : "a directory is given as well.",
      "Give a project (supabase-url, supabase-key) or a directory (target-directory).",
    );
  }
  const database = read.optional.secret("database-url", (text) => parseConnection(text, "database URL"));
  const deleteExtraneous = read.boolean("delete-extraneous", false);
  const replace = read.boolean("replace-files", false);
  return {
    ...common,
    kind: "storage",
    filter: chosenObjects(read),
    target:
      path === undefined
        ? { kind: "supabase", connection: connection as StorageConnection, database, deleteExtraneous }
        : { kind: "directory", path, replace },
    jobs: common.chosenJobs ?? 8,
  };
}

function parseDirectory(text: string): string {
  if (isAbsolute(text)) return text;
  throw new LifeboatError("input-invalid", "not an absolute path.", { hint: "Write /path/to/folder." });
}

function restoreMode(read: InputReader): RestoreRequest["mode"] {
  const tables = read.optional.parsed("tables", (text) => parseNames<TableName>(text, parseTableName)) ?? [];
  const schemas = read.optional.parsed("schemas", (text) => parseNames(text, parseSchemaName)) ?? [];
  const inPlace = read.boolean("in-place", false);
  if (tables.length === 0 && schemas.length === 0) return { kind: inPlace ? "in-place" : "new-database" };
  if (inPlace) {
    read.problem(
      "in-place",
      "tables or schemas are chosen as well.",
      "Replace the whole database, or only those.",
    );
  }
  return { kind: "tables", tables, schemas };
}

function hooks(read: InputReader, commands: CommonInputs["commands"]): RestoreHooks {
  const { before = commands.before, after = commands.after } = {
    before: read.optional.string("before"),
    after: read.optional.string("after"),
  };
  return {
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    afterAlways: read.boolean("after-always", false),
  };
}

/** As findings name it, so commas within the arguments of a function separate nothing. */
function parseAccepted(text: string): readonly string[] {
  const names = text.match(/(?:\([^)\n]*\)|[^,\n(])+/g)?.map((name) => name.trim()) ?? [];
  const odd = names.find((name) => name !== "" && !/^[a-z-]+(?::.+)?$/s.test(name));
  if (odd === undefined) return names.filter((name) => name !== "");
  throw new LifeboatError("input-invalid", `${JSON.stringify(odd)} is not a kind, or a kind and a name.`, {
    hint: "Write what the finding says, like index:public.cities_name_key, or a kind: index.",
  });
}

/** One name a line, or separated by commas outside of double quotes. */
function parseNames<T>(text: string, parse: (name: string) => T): readonly T[] {
  const names = text.match(/(?:"(?:[^"]|"")*"|[^",\n])+/g)?.map((name) => name.trim()) ?? [];
  const given = names.filter((name) => name !== "");
  if (given.length > 0) return given.map(parse);
  throw new LifeboatError("input-invalid", "a list without a name.", {
    hint: "Write schema.table, or a schema.",
  });
}
