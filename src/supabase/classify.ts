/**
 * What becomes of each entry of an archive's table of contents when it is restored into a Supabase project. Pure, and
 * total: every entry is in exactly one class, so that a report's numbers add up to the table of contents.
 */
import type { TocEntry } from "../postgres/restore-toc.ts";
import {
  isManagedSchema,
  isPlatformEventTrigger,
  isPlatformFunction,
  isPlatformPublication,
  isPlatformTrigger,
  realtimePublication,
  takesPolicies,
} from "./managed.ts";
import { isPlatformRole } from "./platform-roles.ts";
import { loadsRows, rowChoice } from "./managed-rows.ts";
import { isQueues } from "./queues.ts";
import { usersDefaultGrants, usersGrants } from "./users-grants.ts";

/**
 * `restore`: as the archive has it. `put-back`: in a step of its own, by another statement or as somebody else.
 * `kept`: the platform made its own. `extension-missing`: skipped with the extension. `person`: needs one.
 */
export type EntryClass = "restore" | "put-back" | "kept" | "extension-missing" | "person";

export interface Classified {
  readonly entry: TocEntry;
  readonly class: EntryClass;
  /** Why it is not simply restored; without names from inside. */
  readonly reason: string;
}

export interface ClassifyContext {
  /** Extensions of the backup that the target neither has nor could create. */
  readonly missingExtensions: ReadonlySet<string>;
  /** The target's extensions. */
  readonly presentExtensions: ReadonlySet<string>;
  /** Sessions and refresh tokens are loaded too. */
  readonly signIns: boolean;
  /** The vault's secrets are in the backup, in clear under its seal. */
  readonly vaultSealed: boolean;
  /** Managed schemas that the target has. */
  readonly managedSchemas: ReadonlySet<string>;
  readonly publications: ReadonlySet<string>;
  /** What became of tables (by oid) and sequences (`schema.name`) that rows and values belong to. */
  readonly bases?: ReadonlyMap<number | string, Verdict>;
}

/** A class and its reason. */
export type Verdict = readonly [EntryClass, string];

const restore: Verdict = ["restore", ""];
const platformsOwn: Verdict = ["kept", "the platform makes and keeps its own"];
const ofSession: Verdict = ["kept", "a setting of the dump's own session"];
const ofExtension: Verdict = ["kept", "belongs to an extension"];
export const usersRights: Verdict = ["put-back", "rights that a user gave on what the platform made"];
const missing: Verdict = ["extension-missing", "the target lacks the extension"];

/** What only a superuser may create, and the platform does not help with. */
const superuserKinds: ReadonlySet<string> = new Set([
  ...["ACCESS METHOD", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURAL LANGUAGE", "SHELL TYPE"],
  ...["TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "TRANSFORM"],
]);

const followerKinds: ReadonlySet<string> = new Set(["ACL", "COMMENT", "SECURITY LABEL"]);
const largeObjectKinds: ReadonlySet<string> = new Set([
  ...["BLOB", "BLOBS", "BLOB METADATA", "BLOB COMMENTS", "LARGE OBJECT"],
]);

/** In the archive's order. */
export function classifyEntries(
  entries: readonly TocEntry[],
  context: ClassifyContext,
): readonly Classified[] {
  const byId = new Map(entries.map((entry) => [entry.dumpId, entry]));
  const done = new Map<number, Verdict>();
  const verdictOf = (entry: TocEntry): Verdict => {
    const known = done.get(entry.dumpId);
    if (known !== undefined) return known;
    // Against circles, which archives have between a view and its rule.
    done.set(entry.dumpId, restore);
    const verdict = judge(entry, context, (id) => {
      const other = byId.get(id);
      return other === undefined ? undefined : { entry: other, verdict: verdictOf(other) };
    });
    done.set(entry.dumpId, verdict);
    return verdict;
  };
  return entries.map((entry) => {
    const [kind, reason] = verdictOf(entry);
    return { entry, class: kind, reason };
  });
}

/** Known by name, or because the target's platform owns it. */
function isManaged({ managedSchemas }: ClassifyContext, schema: string): boolean {
  return isManagedSchema(schema) || managedSchemas.has(schema);
}

type Resolve = (id: number) => { readonly entry: TocEntry; readonly verdict: Verdict } | undefined;

function judge(entry: TocEntry, context: ClassifyContext, resolve: Resolve): Verdict {
  const own = followerKinds.has(entry.kind)
    ? judgeFollower(entry, context, resolve)
    : (judgeByKind(entry, context) ?? judgeBySchema(entry, context));
  if (own[0] !== "restore" && own[0] !== "put-back") return own;
  const base = context.bases?.get(entry.kind === "TABLE DATA" ? entry.oid : `${entry.schema}.${entry.tag}`);
  const isContent = entry.kind === "TABLE DATA" || entry.kind === "SEQUENCE SET";
  if (isContent && base !== undefined && base[0] !== "restore" && !isManaged(context, entry.schema))
    return base;
  // Nothing can stand on what is not there.
  for (const id of entry.dependencies) {
    const base = resolve(id);
    if (base?.verdict[0] === "extension-missing") return missing;
    if (base?.verdict[0] === "person") return ["person", "stands on something that needs a person"];
  }
  if (needsWebhooks(entry) && !context.managedSchemas.has("supabase_functions")) {
    return ["person", "enable Database Webhooks in the target first"];
  }
  return own;
}

/** Kinds that are decided whatever schema they are in. */
function judgeByKind(entry: TocEntry, context: ClassifyContext): Verdict | undefined {
  const { kind, tag } = entry;
  switch (kind) {
    case "ENCODING":
    case "STDSTRINGS":
    case "SEARCHPATH":
      return ofSession;
    case "DATABASE":
    case "DATABASE PROPERTIES":
      return ["kept", "the database is there; its settings are restored one by one"];
    case "STATISTICS DATA":
      return ["kept", "ANALYZE computes it anew"];
    case "EXTENSION":
      if (context.presentExtensions.has(tag)) return ["kept", "the extension is there"];
      return context.missingExtensions.has(tag) ? missing : ["put-back", "created before everything else"];
    case "SCHEMA":
      return isManaged(context, tag)
        ? platformsOwn
        : tag === "public"
          ? ["kept", "the schema is there"]
          : restore;
    case "EVENT TRIGGER":
      return isPlatformEventTrigger(tag)
        ? platformsOwn
        : ["put-back", "takes more than the role's own rights"];
    case "PUBLICATION":
      if (isPlatformPublication(tag)) return platformsOwn;
      if (tag === realtimePublication && context.publications.has(tag)) return platformsOwn;
      return ["put-back", "after the tables"];
    case "PUBLICATION TABLE":
    case "PUBLICATION TABLES IN SCHEMA":
      if (isPlatformPublication(publicationOf(entry)) || isManaged(context, entry.schema))
        return platformsOwn;
      return ["put-back", "added to the publication, with its columns and its filter"];
    case "SUBSCRIPTION":
    case "SUBSCRIPTION TABLE":
      return ["person", "a subscription would connect to another server: create it when that is wanted"];
    case "DEFAULT ACL":
      if (entry.owner !== "postgres" && isPlatformRole(entry.owner)) return platformsOwn;
      if (isManaged(context, entry.schema) && usersDefaultGrants(entry.definition) === "")
        return platformsOwn;
      return ["put-back", "after everything else, so that it grants nothing on restored objects"];
    case "FOREIGN DATA WRAPPER":
      return ["put-back", "takes more than the role's own rights"];
    default:
      if (superuserKinds.has(kind) && !isManaged(context, entry.schema)) {
        return ["person", "only a superuser may create it"];
      }
      return largeObjectKinds.has(kind) ? restore : undefined;
  }
}

function judgeBySchema(entry: TocEntry, context: ClassifyContext): Verdict {
  const { kind, schema, tag } = entry;
  if (!isManaged(context, schema)) return restore;
  if (isQueues(entry)) return context.missingExtensions.has("pgmq") ? missing : restore;
  switch (kind) {
    case "TABLE DATA":
      return judgeManagedRows(schema, tag, context);
    case "SEQUENCE SET":
      return schema === "auth" ? restore : platformsOwn;
    case "TRIGGER":
      if (!takesPolicies(schema)) return platformsOwn;
      if (isPlatformTrigger(schema, tag)) return platformsOwn;
      return entry.definition.includes("\nALTER TABLE ")
        ? ["person", "only the owner of the platform's table may switch a trigger off or to always there"]
        : ["put-back", "on a table of the platform"];
    case "POLICY":
      return takesPolicies(schema) ? ["put-back", "on a table of the platform"] : platformsOwn;
    default:
      return judgeManagedObject(entry);
  }
}

/** Users made objects in managed schemas until April 2025; only `extensions` still takes some. */
function judgeManagedObject({ schema, owner, kind, tag }: TocEntry): Verdict {
  if (schema === "extensions" && isPlatformFunction(tag.slice(0, tag.indexOf("(")))) return platformsOwn;
  const isUsers = owner === "postgres" || !isPlatformRole(owner);
  const isDefinition = ["FUNCTION", "PROCEDURE", "TABLE", "VIEW", "TYPE", "SEQUENCE", "AGGREGATE"].includes(
    kind,
  );
  if (schema === "extensions" && isUsers && owner !== "") return restore;
  if (takesPolicies(schema) && isUsers && isDefinition) {
    return ["person", "the platform takes no new objects in this schema: move it to a schema of your own"];
  }
  return platformsOwn;
}

function judgeManagedRows(schema: string, table: string, context: ClassifyContext): Verdict {
  switch (rowChoice(schema, table)) {
    case "always":
      return ["restore", ""];
    case "sign-ins":
      if (loadsRows(schema, table, context.signIns)) return restore;
      return ["kept", "sign-ins of another project: everybody signs in anew"];
    case "transient":
      return ["kept", "passing data of a service"];
    case "platform":
      return ["kept", "the platform's own record"];
    case "by-function":
      if (schema === "pgmq") return ["put-back", "queues are registered one by one"];
      if (schema === "cron") return ["put-back", "jobs are scheduled by cron.schedule"];
      return context.vaultSealed
        ? ["put-back", "secrets are made by vault.create_secret"]
        : ["person", "the secrets' values are not in this backup"];
    case "unknown":
      return ["person", "a table of the platform that this version does not know"];
  }
}

/** Rights, comments and labels go with what they are on, but for rights that a user gave on the platform's. */
function judgeFollower(entry: TocEntry, context: ClassifyContext, resolve: Resolve): Verdict {
  const verdict = judgeWithBase(entry, context, resolve);
  return entry.kind === "ACL" && verdict[0] === "kept" && usersGrants(entry.definition).length > 0
    ? usersRights
    : verdict;
}

function judgeWithBase(entry: TocEntry, context: ClassifyContext, resolve: Resolve): Verdict {
  const { kind, tag } = entry;
  const word = /^(EXTENSION|SCHEMA|DATABASE|LANGUAGE|LARGE OBJECTS?) "?(.*?)"?$/s.exec(tag);
  if (kind === "SECURITY LABEL") return ["person", "security labels need their provider"];
  switch (word?.[1]) {
    case "EXTENSION":
      return ofExtension;
    case "LANGUAGE":
      return platformsOwn;
    case "DATABASE":
      return platformsOwn;
    case "SCHEMA":
      return isManaged(context, word[2] ?? "") ? platformsOwn : restore;
    case "LARGE OBJECT":
    case "LARGE OBJECTS":
      return restore;
    case undefined:
  }
  const base = entry.dependencies.map(resolve).find((other) => other !== undefined);
  // What is not in the table of contents belongs to an extension.
  if (base === undefined) return ofExtension;
  const [verdict, reason] = base.verdict;
  if (verdict === "put-back" && kind === "COMMENT" && base.entry.kind === "TRIGGER") {
    return ["person", "only the owner of the platform's table may comment on a trigger there"];
  }
  return [verdict, reason];
}

/** `publication table` is the tag; the definition names the publication exactly. */
export function publicationOf(entry: TocEntry): string {
  const quoted = /^ALTER PUBLICATION ("(?:[^"]|"")+"|\S+) ADD /.exec(entry.definition)?.[1] ?? "";
  return quoted.startsWith('"') ? quoted.slice(1, -1).replaceAll('""', '"') : quoted;
}

function needsWebhooks({ kind, definition }: TocEntry): boolean {
  return kind === "TRIGGER" && definition.includes("supabase_functions.");
}
