/** The throwaway server of one check, with the extensions that its backup needs, as far as they can be had. */
import { withClient } from "../postgres/client.ts";
import { notPreloaded, preloadSettings, readPreloads } from "../postgres/preloaded-extensions.ts";
import {
  startThrowawayServer,
  throwawayConnections,
  usualLocks,
  type ThrowawayOptions,
  type ThrowawayServer,
} from "../postgres/throwaway-server.ts";

export interface CheckServerWishes {
  readonly extensions: readonly string[];
  /** How many tables, indexes and sequences the backup has: one statement may lock them all. */
  readonly relations: number;
  /** Name of the database that the backup is loaded into. */
  readonly copy: string;
  /** Installs packages, where it may. */
  readonly packages: (major: number, extensions: readonly string[]) => Promise<void>;
}

/** An extension that the server lacks would leave the whole restore unproven; many are a package away. */
export async function startCheckServer(
  given: ThrowawayOptions,
  { extensions, relations, copy, packages }: CheckServerWishes,
): Promise<ThrowawayServer> {
  const options = { ...given, settings: { ...locksFor(relations), ...given.settings } };
  const settings = (): Readonly<Record<string, string>> => preloadSettings(options.binDir, extensions, copy);
  const first = settings();
  const server = await startWith(options, first);
  try {
    const missing = await missingOn(server, extensions);
    if (missing.length === 0) return server;
    await packages(options.major, missing);
    const second = settings();
    // An extension's files count at once, its library only from the next start.
    if (second["shared_preload_libraries"] === first["shared_preload_libraries"]) return server;
    await server.stop();
    return await startWith(options, second);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** All of them at once, and as much again for what else is locked. */
function locksFor(relations: number): Readonly<Record<string, string>> {
  const perSession = Math.max(usualLocks, Math.ceil((2 * relations) / throwawayConnections));
  return { max_locks_per_transaction: String(perSession) };
}

/** A library that keeps the server from starting is no library: its extension counts as missing. */
async function startWith(
  options: ThrowawayOptions,
  settings: Readonly<Record<string, string>>,
): Promise<ThrowawayServer> {
  const wanted = { ...options, settings: { ...settings, ...options.settings } };
  if (Object.keys(settings).length === 0) return await startThrowawayServer(wanted);
  try {
    return await startThrowawayServer(wanted);
  } catch {
    options.logger.warning("The server does not start with the libraries of the backup's extensions.");
    return await startThrowawayServer(options);
  }
}

async function missingOn({ connection }: ThrowawayServer, extensions: readonly string[]): Promise<string[]> {
  return await withClient(connection, async (sql) => {
    const preloads = await readPreloads(sql);
    const { rows } = await sql.query<{ name: string }>("select name from pg_catalog.pg_available_extensions");
    const available = new Set(rows.map(({ name }) => name));
    return extensions.filter((name) => !available.has(name) || notPreloaded(name, preloads) !== undefined);
  });
}
