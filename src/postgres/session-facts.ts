/** What our own sessions found out about the sessions that a role gets, so that PostgreSQL's programs get the same. */
import type { Connection } from "./connection.ts";

export interface SessionFacts {
  /** Those of our settings that this server has and this role may set. */
  readonly settable: ReadonlySet<string>;
  /** Those with which a session begins otherwise, for all that its startup parameters say. */
  readonly differing: ReadonlySet<string>;
  /** Whether the startup parameter `options` arrives; a pooler may refuse it or swallow it. */
  readonly takesOptions: boolean;
  /** The role's own `set role` is undone. */
  readonly dropsRole: boolean;
  /** Sessions begin only without the libraries that role or database preload. */
  readonly skipsLibraries: boolean;
}

const facts = new Map<string, SessionFacts>();
const refusing = new Set<string>();

/** Of this very database or, before anybody was there, of another one of the same role and server. */
export function sessionFacts(connection: Connection): SessionFacts | undefined {
  return facts.get(ofDatabase(connection)) ?? facts.get(ofRole(connection));
}

export function noteSession(connection: Connection, found: SessionFacts): void {
  facts.set(ofDatabase(connection), found);
  facts.set(ofRole(connection), found);
}

/** For a session that shall find out by itself; afterwards everything is known as before. */
export async function withoutFacts<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  const known = [ofDatabase(connection), ofRole(connection)].map((key) => [key, facts.get(key)] as const);
  for (const [key] of known) facts.delete(key);
  try {
    return await work();
  } finally {
    for (const [key, before] of known) {
      if (before === undefined) facts.delete(key);
      else facts.set(key, before);
    }
  }
}

/** Whether this server's `options` were refused before. */
export function refusesOptions(connection: Connection): boolean {
  return refusing.has(ofServer(connection));
}

export function noteRefusedOptions(connection: Connection): void {
  refusing.add(ofServer(connection));
}

function ofServer({ host, port }: Connection): string {
  return JSON.stringify([host, port]);
}

function ofRole({ host, port, user }: Connection): string {
  return JSON.stringify([host, port, user]);
}

function ofDatabase({ host, port, user, database }: Connection): string {
  return JSON.stringify([host, port, user, database]);
}
