/** The settings of our own SQL connections and of PostgreSQL's programs, whatever role, database and server say. */
import type { SessionFacts } from "./session-facts.ts";

/**
 * What decides how values are read, written and compared, how long a session lives, and what a program may do. Set
 * wherever the server knows the setting and lets the role set it.
 */
const forAll: Readonly<Record<string, string>> = {
  statement_timeout: "0",
  lock_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  idle_session_timeout: "0",
  transaction_timeout: "0",
  // A server that gives up on a receiver which takes nothing for a while would end a dump whose store is slow.
  tcp_user_timeout: "0",
  default_transaction_isolation: "read committed",
  default_transaction_read_only: "off",
  default_transaction_deferrable: "off",
  standard_conforming_strings: "on",
  backslash_quote: "safe_encoding",
  array_nulls: "on",
  transform_null_equals: "off",
  quote_all_identifiers: "off",
  bytea_output: "hex",
  extra_float_digits: "1",
  datestyle: "ISO,MDY",
  intervalstyle: "postgres",
  timezone: "UTC",
  lc_monetary: "C",
  lc_messages: "C",
  xmlbinary: "base64",
  xmloption: "content",
  gin_fuzzy_search_limit: "0",
  // Compiling each of hundreds of catalog queries takes longer than running them.
  jit: "off",
  client_min_messages: "notice",
  exit_on_error: "off",
  createrole_self_grant: "",
  restrict_nonsystem_relation_kind: "",
  session_replication_role: "origin",
  allow_system_table_mods: "off",
  zero_damaged_pages: "off",
  ignore_checksum_failure: "off",
};

/** Of no concern to programs that make and load dumps. */
const forOurs: Readonly<Record<string, string>> = {
  plan_cache_mode: "auto",
  force_parallel_mode: "off",
  debug_parallel_query: "off",
};

/** Every supported server knows them, and everybody may set them. */
const known = new Set([
  ...["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "bytea_output"],
  ...["default_transaction_isolation", "default_transaction_read_only", "datestyle", "intervalstyle"],
  ...["standard_conforming_strings", "array_nulls", "lc_monetary", "jit"],
]);

/** With these on, a damaged page reads as an empty one: nothing that was read can be relied on. */
export const hideDamage = ["zero_damaged_pages", "ignore_checksum_failure"];

/** What changes rows or definitions in silence, or ends the work, where a program cannot be told otherwise. */
const harmful = {
  dump: ["bytea_output", "lc_monetary", ...hideDamage],
  restore: [
    ...[
      "array_nulls",
      "transform_null_equals",
      "intervalstyle",
      "datestyle",
      "default_transaction_read_only",
    ],
    ...["idle_session_timeout", "session_replication_role"],
  ],
} as const;
export type Direction = keyof typeof harmful;

export function harmfulAmong(names: Iterable<string>, direction: Direction): readonly string[] {
  const harms: readonly string[] = harmful[direction];
  return [...names].filter((name) => harms.includes(name));
}

const wanted = Object.entries({ ...forAll, ...forOurs })
  .map(([name, value]) => `('${name}', '${value}')`)
  .join(", ");

/** A path of somebody's own may stand before pg_catalog; a standby refuses every query of a serializable session. */
export const firstSettings = `
  set search_path = '';
  set default_transaction_isolation = 'read committed';
  set statement_timeout = 0;
`;

const maySet =
  "(s.context = 'user' or s.context = 'superuser' and pg_catalog.current_setting('is_superuser') = 'on')";

/** name, whether the role may set it, whether the session began with another value. */
export const askSettings = `
  select w.name, ${maySet} as may_set, pg_catalog.replace(s.setting, ' ', '') <> pg_catalog.replace(w.value, ' ', '') as differs
    from pg_catalog.pg_settings s join (values ${wanted}) w (name, value) on pg_catalog.lower(s.name) = w.name`;

/**
 * What the output of values depends on, apart from the values: the same as pg_dump sets or `startupOptions` make it
 * set. `row_security = off` turns hidden rows into an error. What a planner may not do is no wish of ours.
 */
export const sessionSettings = `
  ${firstSettings}
  set client_encoding = 'UTF8';
  set row_security = off;
  select pg_catalog.set_config(s.name, coalesce(w.value, s.boot_val), false)
    from pg_catalog.pg_settings s left join (values ${wanted}) w (name, value) on pg_catalog.lower(s.name) = w.name
   where (w.name is not null or pg_catalog.left(s.name, 7) = 'enable_') and ${maySet};
`;

/**
 * A role's `set role` must not lower what the role itself may do; where it lends rights that the role has no other
 * way, it stays.
 */
export const dropRole = `
  select pg_catalog.set_config('role', 'none', false)
    from pg_catalog.pg_roles own, pg_catalog.pg_roles lent
   where own.rolname = session_user and lent.rolname = current_user and own.oid <> lent.oid
     and (own.rolsuper or (pg_catalog.pg_has_role(own.oid, lent.oid, 'USAGE') and not lent.rolsuper
                           and (own.rolbypassrls or not lent.rolbypassrls)))`;

/** PGOPTIONS for a program: what our own sessions set by SQL. */
export function startupOptions(facts: SessionFacts | undefined): string {
  const settable = facts?.settable ?? known;
  const options: (readonly [string, string])[] = Object.entries(forAll).filter(([name]) =>
    settable.has(name),
  );
  if (facts?.dropsRole === true) options.push(["role", "none"]);
  if (facts?.skipsLibraries === true) options.push(...withoutLibraries);
  return asOptions(options);
}

/** A library that the server lacks ends every session before it begins. */
export const withoutLibraries: readonly (readonly [string, string])[] = [
  ["session_preload_libraries", ""],
  ["local_preload_libraries", ""],
];

export function asOptions(settings: readonly (readonly [name: string, value: string])[]): string {
  return settings.map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, "\\$&")}`).join(" ");
}
