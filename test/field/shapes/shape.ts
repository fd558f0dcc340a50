/** Databases as they stand in the field, and what has to become of each. Data only: docs/compatibility.md is made of it. */
import type { DatabaseOptions, TestServer } from "../../support/servers.ts";

export type Route = "backup" | "verify" | "new" | "in place" | "project";

/** What a verification or restore has to say; absent: passed, and nothing above information. */
export interface Expected {
  readonly verdict?: "passed" | "not-verified" | "failed";
  /** Codes of findings above information: each must be told, no other may. */
  readonly findings?: readonly string[];
  /** What comes back weaker or not at all, as `--accept` names it. */
  readonly missing?: readonly string[];
  /** Code of the error that refuses it. */
  readonly error?: string;
}

interface Described {
  /** Letters, digits and `_`: its schema or database, too. */
  readonly name: string;
  /** One line of docs/compatibility.md. */
  readonly what: string;
  /** What a restore cannot bring back, or a check cannot prove. */
  readonly notCovered?: string;
}

/** Made by SQL in an ordinary database. */
export interface SqlShape extends Described {
  readonly setup: readonly (string | { readonly since: number; readonly sql: string })[];
  /** Fails on purpose, afterwards, and leaves something behind. */
  readonly failing?: string;
  /** By the superuser, last; in a project, too. */
  readonly asSuperuser?: string;
  /** Before the database is made. */
  readonly prepare?: (server: TestServer) => Promise<void>;
  /** A database of its own (default: a schema of the one that it shares with others), made with these options. */
  readonly alone?: DatabaseOptions | true;
  readonly since?: number;
  /** Later versions refuse to make it. */
  readonly before?: number;
  /** Codes of information that every verification has to give. */
  readonly notes?: readonly string[];
  readonly expected?: Partial<Readonly<Record<Route, Expected>>>;
  /** Values that no dump in UTF-8 can hold: rows.test.ts compares them byte for byte. */
  readonly ownBytes?: true;
  /** A stock restore has less than ours. */
  readonly beyondStock?: true;
  /** Lines of stock pg_dump that differ from a stock restore, on purpose. */
  readonly unlikeStock?: RegExp;
  /** A role of the shape that backs it up; its password is `backup`. Default: the superuser. */
  readonly backedUpBy?: string;
  /** A project's `postgres` can make it too. */
  readonly inProject?: true;
  /** One with a database of its own is left to `npm run trial`, unless it says so. */
  readonly inCi?: true;
}

/** Needs surroundings of its own (a pooler, a standby, a preloaded library): the tests that make them. */
export interface TestedElsewhere extends Described {
  readonly result: string;
  readonly shownBy: string;
}

export type Shape = SqlShape | TestedElsewhere;

/** The kinds under which docs/compatibility.md lists them. */
export interface Kind {
  readonly title: string;
  readonly shapes: readonly Shape[];
}
