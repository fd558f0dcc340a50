/** Rows of the platform's own tables: which of them a restore loads, and which of their columns fit the target. */

/** `sign-ins`: useless under another project's JWT secret, and sensitive; loaded only by choice. */
export type RowChoice = "always" | "sign-ins" | "transient" | "platform" | "by-function" | "unknown";

const always: ReadonlySet<string> = new Set([
  ...["auth.users", "auth.identities", "auth.mfa_factors", "auth.instances", "auth.audit_log_entries"],
  ...["auth.sso_providers", "auth.sso_domains", "auth.saml_providers", "auth.one_time_tokens"],
  ...[
    "auth.oauth_clients",
    "auth.oauth_consents",
    "auth.custom_oauth_providers",
    "auth.webauthn_credentials",
  ],
  ...["storage.buckets", "storage.objects"],
]);

const signIns: ReadonlySet<string> = new Set([
  ...["auth.sessions", "auth.refresh_tokens", "auth.mfa_amr_claims", "auth.flow_state"],
  ...["auth.saml_relay_states", "auth.mfa_challenges", "auth.webauthn_challenges"],
  ...["auth.oauth_client_states", "auth.oauth_authorizations"],
]);

const platform: ReadonlySet<string> = new Set([
  ...["auth.schema_migrations", "storage.migrations", "realtime.schema_migrations"],
  ...["supabase_functions.migrations", "storage.buckets_vectors", "storage.vector_indexes"],
  ...["storage.buckets_analytics", "storage.iceberg_namespaces", "storage.iceberg_tables"],
]);

/** What a table's rows are to a restore into a project; `schema` is a managed one. */
export function rowChoice(schema: string, table: string): RowChoice {
  const name = `${schema}.${table}`;
  if (always.has(name)) return "always";
  if (signIns.has(name)) return "sign-ins";
  if (platform.has(name)) return "platform";
  if (name === "cron.job" || name === "vault.secrets" || name === "pgmq.meta") return "by-function";
  if (schema === "realtime" || schema === "net" || schema === "supabase_functions") return "transient";
  if (/^(?:cron\.job_run_details|storage\.s3_multipart_uploads|storage\.prefixes)/.test(name))
    return "transient";
  if (schema === "auth" || schema === "storage" || schema === "pgmq") return "unknown";
  return "platform";
}

export function loadsRows(schema: string, table: string, signInsToo: boolean): boolean {
  const choice = rowChoice(schema, table);
  return choice === "always" || (choice === "sign-ins" && signInsToo);
}

/** Columns that the platform computes: a newer release without them loses nothing. */
const computed: ReadonlySet<string> = new Set(["storage.objects.level"]);

export interface TargetColumn {
  readonly name: string;
  readonly generated: boolean;
  /** NOT NULL without a default. */
  readonly mustBeGiven: boolean;
}

export interface ColumnFit {
  /** Of the backup's columns, those that are loaded. */
  readonly common: readonly string[];
  /** The target lacks them: right only if the backup has nothing but nulls there. */
  readonly mustBeNull: readonly string[];
  /** The target wants a value that the backup does not have. */
  readonly unfillable: readonly string[];
}

/** Pure: a managed table's columns in the backup's rows, held against the target's. */
export function fitColumns(
  table: string,
  backedUp: readonly string[],
  target: readonly TargetColumn[],
): ColumnFit {
  const here = new Map(target.map((column) => [column.name, column]));
  return {
    common: backedUp.filter((name) => here.get(name)?.generated === false),
    mustBeNull: backedUp.filter((name) => !here.has(name) && !computed.has(`${table}.${name}`)),
    unfillable: target
      .filter(({ name, mustBeGiven, generated }) => mustBeGiven && !generated && !backedUp.includes(name))
      .map(({ name }) => name),
  };
}

/**
 * Columns of a CREATE TABLE as pg_dump writes it, one a line, with the cell of COPY that is their default. One that is
 * computed for every row anew is not among them.
 */
export function literalDefaults(definition: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of definition.split("\n")) {
    const [, quoted, plain = "", expression = ""] =
      /^ {4}(?:"((?:[^"]|"")+)"|(\w+)) .*? DEFAULT (.+?)(?: NOT NULL)?,?$/.exec(line) ?? [];
    const cell = literalCell(expression);
    if (cell !== undefined) found.set(quoted?.replaceAll('""', '"') ?? plain, cell);
  }
  return found;
}

function literalCell(expression: string): string | undefined {
  if (/^(?:true|false)$/.test(expression)) return expression.slice(0, 1);
  if (/^\(?-?\d+(?:\.\d+)?\)?$/.test(expression)) return expression.replaceAll(/[()]/g, "");
  if (/^ARRAY\[\]::/.test(expression)) return "{}";
  const [, text] = /^'((?:[^']|'')*)'::[\w ."[\]()]+$/.exec(expression) ?? [];
  return text?.replaceAll("''", "'").replaceAll("\\", String.raw`\\`);
}
