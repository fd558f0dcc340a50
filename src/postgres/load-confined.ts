/**
 * A snapshot's archives into an empty database of a throwaway server, so that nothing of the backup ever runs as a
 * superuser: definitions too evaluate constants, bounds of partitions and conditions, and may call what somebody wrote.
 * The ordinary loader restores all that it may; the superuser adds what only a superuser can, in statements that
 * execute nothing of the backup, and event triggers at the very end, because they act on every later statement.
 */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";
import { quoteIdentifier } from "./identifiers.ts";
import { holdInMemory, keptToc, loadParts, restoreListed, restoreStreamed, skippedOf } from "./load.ts";
import {
  type Loading,
  loadingOf,
  type LoadOptions,
  type LoadReport,
  onlySchema,
  partsOf,
} from "./load-options.ts";
import { openSchemas, openWrappers, ownExtensionRelations, withdrawLoader } from "./ordinary-loader.ts";
import { dependents, entriesOf, stagesOf } from "./post-data-stages.ts";
import type { Refusal } from "./refusal.ts";
import { readPartToc } from "./restore-rows.ts";
import { feedPart } from "./restore-stream.ts";
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";
import { eachGrant } from "./retry-grants.ts";
import { SecondTry } from "./second-try.ts";
import { grantStatements } from "./sql-statements.ts";
import { createAsSuperuser, needsSuperuser, refusedEntry, reservedSettings } from "./superuser-entries.ts";
import { refusalOf } from "./try-statement.ts";
import { closeFile } from "./unnamed-file.ts";

export interface ConfinedOptions extends LoadOptions {
  /** In the database to load into, opened before anything of the backup was there. `connection` is the loader's. */
  readonly superuser: Sql;
}

interface ConfinedLoading extends ConfinedOptions, Loading {
  readonly second: SecondTry;
}

export async function loadConfined(given: ConfinedOptions): Promise<LoadReport> {
  const { clock, superuser, connection } = given;
  const parts = partsOf(given);
  const loading = loadingOf(given);
  const second = new SecondTry(loading, onlySchema(given.files).name);
  const options = { ...loading, superuser, second };
  const times = [clock.elapsedMs()];
  const archive = await openArchive(options);
  let refusals: readonly Refusal[];
  try {
    await superuser.query("set default_transaction_read_only = off; set check_function_bodies = off");
    const post = entriesOf(archive.toc, "post-data");
    const pre = archive.toc.entries.filter((entry) => entry.section !== "data" && !post.includes(entry));
    await createSchemas(options, pre);
    await createExtensions(options, pre);
    const giveBack = await ownExtensionRelations(superuser, connection.user);
    const closeWrappers = await openWrappers(superuser);
    const closeSchemas = await openSchemas(superuser, connection.user);
    const reserved = await reservedSettings(superuser);
    await restorePreData(archive, options, pre, reserved);
    await second.afterDefinitions();
    await closeSchemas();
    await closeWrappers();
    await grantRights(archive, options, pre);
    times.push(clock.elapsedMs());
    await loadParts(options, parts);
    await second.afterRows();
    times.push(clock.elapsedMs());
    await restorePostData(archive, options, post);
    await second.afterDefinitions();
    await second.lookAgain();
    await giveBack();
    await withdrawLoader(superuser, connection);
    for (const entry of post.filter(isAboutEvents)) await makeAsSuperuser(options, entry);
    refusals = await second.refusals();
    times.push(clock.elapsedMs());
  } finally {
    if (archive.fd !== undefined) await closeFile(archive.fd);
  }
  const seconds = (phase: number): number => ((times[phase + 1] ?? 0) - (times[phase] ?? 0)) / 1000;
  return { seconds: { preData: seconds(0), data: seconds(1), postData: seconds(2) }, refusals };
}

interface Archive {
  readonly name: string;
  /** In memory; undefined where there is no room, and it is streamed for every step. */
  readonly fd: number | undefined;
  readonly toc: ArchiveToc;
}

async function openArchive(options: ConfinedLoading): Promise<Archive> {
  const { name } = onlySchema(options.files);
  const fd = await holdInMemory(options, name);
  if (fd !== undefined) return { name, fd, toc: await keptToc(options, fd) };
  const toc = await readPartToc(options.source, options.tools, name);
  const left = new Set(skippedOf(options, toc));
  return { name, fd, toc: { ...toc, entries: toc.entries.filter((entry) => !left.has(entry)) } };
}

/** By pg_restore, as the loader. */
async function restoreEntries(
  { name, fd }: Archive,
  options: ConfinedLoading,
  entries: readonly TocEntry[],
  args: readonly string[] = [],
): Promise<void> {
  if (entries.length === 0) return;
  if (fd !== undefined) {
    await restoreListed(options, fd, entries, args);
    return;
  }
  const { source, tools } = options;
  await restoreStreamed(options, [], entries, (restore) =>
    feedPart({ source, name, zstd: tools.zstd }, restore, { stopsEarly: true }),
  );
}

/** With our own words, because an extension's script would run as a superuser what somebody had put in its way. */
async function createSchemas({ superuser }: ConfinedOptions, pre: readonly TocEntry[]): Promise<void> {
  const { rows } = await superuser.query<{ name: string }>(
    "select nspname as name from pg_catalog.pg_namespace",
  );
  const there = new Set(rows.map(({ name }) => name));
  for (const entry of pre.filter(({ kind }) => kind === "SCHEMA")) {
    const [schema, owner] = [quoteIdentifier(entry.tag), quoteIdentifier(entry.owner)];
    const statement = there.has(entry.tag)
      ? `alter schema ${schema} owner to ${owner}`
      : `create schema ${schema}${entry.owner === "" ? "" : ` authorization ${owner}`}`;
    await superuser.query(statement).catch((cause: unknown) => {
      throw refusedEntry(entry, cause);
    });
  }
}

const identifier = String.raw`("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)`;
const extensionShape = new RegExp(
  `^CREATE EXTENSION IF NOT EXISTS ${identifier} WITH SCHEMA ${identifier};\n$`,
);

async function createExtensions(options: ConfinedLoading, pre: readonly TocEntry[]): Promise<void> {
  for (const entry of pre.filter(({ kind }) => kind === "EXTENSION")) {
    const [statement] = extensionShape.exec(entry.definition) ?? [];
    if (statement === undefined)
      throw new LifeboatError("snapshot-damaged", "An extension's entry of the archive cannot be read.");
    await unlessRefused(options, entry, () => options.superuser.query(statement));
  }
}

/** A refusal is told at the end, unless one ends it all. */
async function unlessRefused(
  { isAtomic, second }: ConfinedLoading,
  entry: TocEntry,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    const refused = await refusalOf(work);
    if (refused === undefined) return;
    if (isAtomic === true) throw new Error(refused.message);
    second.leave({ entry, refused });
  } catch (cause) {
    throw cause instanceof LifeboatError ? cause : refusedEntry(entry, cause);
  }
}

async function makeAsSuperuser(options: ConfinedLoading, entry: TocEntry): Promise<void> {
  await unlessRefused(options, entry, async () => {
    await createAsSuperuser(options.superuser, entry).catch((error: unknown) => {
      // What the server said, where it was the server.
      const { cause } = error as LifeboatError;
      throw cause !== undefined && "severity" in (cause as object) ? cause : error;
    });
  });
}

/** Made in other steps, or (comments on extensions come with them) not at all. */
function isSetApart({ kind, tag }: TocEntry): boolean {
  if (kind === "COMMENT") return tag.startsWith("EXTENSION ");
  return kind === "SCHEMA" || kind === "EXTENSION" || kind === "ACL" || isEventTrigger(kind);
}

function isEventTrigger(kind: string): boolean {
  return kind === "EVENT TRIGGER";
}

function isAboutEvents({ kind, tag }: TocEntry): boolean {
  return isEventTrigger(kind) || (kind === "COMMENT" && tag.startsWith("EVENT TRIGGER "));
}

/** In the archive's order, with as few runs of pg_restore as that allows. */
async function restorePreData(
  archive: Archive,
  options: ConfinedLoading,
  pre: readonly TocEntry[],
  reserved: ReadonlySet<string>,
): Promise<void> {
  let run: TocEntry[] = [];
  for (const entry of pre.filter((one) => !isSetApart(one))) {
    if (!needsSuperuser(entry, reserved)) {
      run.push(entry);
      continue;
    }
    await restoreEntries(archive, options, run);
    run = [];
    await makeAsSuperuser(options, entry);
  }
  await restoreEntries(archive, options, run);
}

/**
 * By the superuser, statement by statement, as far as they are nothing but rights. Those on PostgreSQL's own objects are
 * left out: nothing here needs them, and some of them open the machine's files.
 */
async function grantRights(
  archive: Archive,
  options: ConfinedLoading,
  entries: readonly TocEntry[],
): Promise<void> {
  const left: TocEntry[] = [];
  for (const entry of entries.filter(isRightOnOwn)) {
    const statements = grantStatements(entry.definition);
    if (statements === undefined) left.push(entry);
    else options.second.take(await eachGrant(options.superuser, entry, statements));
  }
  await restoreEntries(archive, options, left);
}

/** Those on the database itself are given where it is made. */
function isRightOnOwn({ kind, schema, tag }: TocEntry): boolean {
  const isBuiltIn = schema === "pg_catalog" || schema === "information_schema";
  return kind === "ACL" && !isBuiltIn && !tag.startsWith("DATABASE ");
}

async function restorePostData(
  archive: Archive,
  options: ConfinedLoading,
  post: readonly TocEntry[],
): Promise<void> {
  const rest = post.filter((entry) => !isSetApart(entry) && !isAboutEvents(entry));
  const isRefresh = ({ kind }: TocEntry): boolean => kind === "MATERIALIZED VIEW DATA";
  const none: ReadonlySet<string> = new Set();
  const jobs = `--jobs=${options.jobs}`;
  const first = rest.filter((entry) => needsSuperuser(entry, none));
  const after = dependents(rest, first);
  const late = rest.filter((entry) => first.includes(entry) || after.has(entry));
  const main = rest.filter((entry) => !late.includes(entry) && !isRefresh(entry));
  for (const { entries, atOnce } of stagesOf(main)) {
    await restoreEntries(archive, options, entries, atOnce ? [jobs] : []);
  }
  for (const entry of late) {
    if (needsSuperuser(entry, none)) await makeAsSuperuser(options, entry);
    else await restoreEntries(archive, options, [entry]);
  }
  await grantRights(archive, options, post);
  await restoreEntries(archive, options, rest.filter(isRefresh), [jobs]);
}
