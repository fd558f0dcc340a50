/** The inputs of `restore` and the flags of `lifeboat restore database`. */
import { availableParallelism } from "node:os";
import { LifeboatError } from "../../errors.ts";
import type { RestoreHooks } from "../../operations/restore-hooks.ts";
import type { RestoreRequest } from "../../operations/plan-database-restore.ts";
import type { SnapshotChoice } from "../../operations/locate-snapshot.ts";
import { parseConnection } from "../../postgres/connection.ts";
import { parseSchemaName, parseTableName, type TableName } from "../../postgres/toc-selection.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import type { Identities } from "../../seal/identities.ts";
import { parseSource } from "../db-backup/inputs.ts";
import { optionalIdentities, snapshotChoice } from "../snapshot-inputs.ts";
import { storeInputs, type StoreInputs } from "../surroundings.ts";

export interface RestoreInputs {
  readonly store: StoreInputs;
  readonly source: string | undefined;
  readonly choice: SnapshotChoice;
  readonly identities: Identities;
  readonly request: RestoreRequest;
  readonly dryRun: boolean;
  /** A dry run's hash: the plan must still be that one. */
  readonly planHash: string | undefined;
  readonly hooks: RestoreHooks;
  readonly postgresBin: string | undefined;
}

export function restoreInputs(read: InputReader): RestoreInputs {
  const identities = optionalIdentities(read);
  if (identities === undefined) {
    read.problem("identity", "the backup is sealed.", "Give the identity that opens it, or the passphrase.");
  }
  const dryRun = read.boolean("dry-run", false);
  const target = read.secret("target-url", (text) => parseConnection(text, "target URL"));
  const confirm = read.optional.string("confirm");
  return {
    store: storeInputs(read),
    source: read.optional.parsed("source", parseSource),
    choice: snapshotChoice(read),
    identities: identities as Identities,
    request: {
      target,
      mode: restoreMode(read),
      roles: read.enum("roles", ["without-login", "as-backed-up"], "without-login"),
      jobs: read.integer("jobs", { min: 1, max: 16 }, Math.min(4, availableParallelism())),
      acceptNotVerified: read.boolean("accept-not-verified", false),
      // A dry run destroys nothing, so it needs no confirmation.
      ...(dryRun ? { confirm: target.database } : confirm === undefined ? {} : { confirm }),
    },
    dryRun,
    planHash: read.optional.string("plan-hash"),
    hooks: hooks(read),
    postgresBin: read.optional.string("postgres-bin"),
  };
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

function hooks(read: InputReader): RestoreHooks {
  const before = read.optional.string("before");
  const after = read.optional.string("after");
  return {
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    afterAlways: read.boolean("after-always", false),
  };
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
