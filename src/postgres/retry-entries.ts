/**
 * Entries of a schema archive that pg_restore's first try did not bring about, once more and one by one, when everything
 * else is there: what deadlocked or came too early comes back so. Then as a person would do it: with the database's own
 * search_path, without the check of the rows that a key already has, without the one grant that nobody can be given.
 */
import { isUtf8 } from "node:buffer";
import { withClient, type Sql } from "./client.ts";
import type { Connection } from "./connection.ts";
import { quoteIdentifier } from "./identifiers.ts";
import { type Attempted, missingOf, type Outcome, type Refusal, type Refused } from "./refusal.ts";
import { eachGrant } from "./retry-grants.ts";
import { scriptOf } from "./restore-rows.ts";
import type { RestoreTools } from "./restore-stream.ts";
import type { TocEntry } from "./restore-toc.ts";
import { splitStatements } from "./sql-statements.ts";
import { tryText } from "./try-statement.ts";
import { unvalidated } from "./unvalidated.ts";

export interface RetryMeans {
  readonly connection: Connection;
  readonly tools: RestoreTools;
  /** The whole schema archive. */
  readonly archive: () => Promise<Buffer>;
  /** Arguments of pg_restore for this entry. */
  readonly argumentsFor: (entry: TocEntry) => readonly string[];
  /** The database's own, as in `SET search_path`. */
  readonly searchPath: string;
}

export interface Retried {
  readonly left: readonly Attempted[];
  /** What came back, but not as it was. */
  readonly changed: readonly Refusal[];
}

type Attempt = (sql: Sql, one: Attempted, script: string) => Promise<Outcome>;

/** `waiting` in the archive's order. */
export async function retryEntries(means: RetryMeans, waiting: readonly TocEntry[]): Promise<Retried> {
  if (waiting.length === 0) return { left: [], changed: [] };
  return await withClient(means.connection, async (sql) => {
    await sql.query("set default_transaction_read_only = off; set check_function_bodies = off");
    const scripts = new Map<number, Promise<string>>();
    const changed: Refusal[] = [];
    let left: readonly Attempted[] = waiting.map((entry) => ({ entry, refused: notAsked }));
    for (let attempts: readonly Attempt[] = [plainly, otherwise(means.searchPath)]; attempts.length > 0;) {
      const [attempt, ...more] = attempts;
      const next: Attempted[] = [];
      for (const one of left) {
        const { entry } = one;
        const waits = next.some(
          (other) => other.ownerOnly !== true && entry.dependencies.includes(other.entry.dumpId),
        );
        if (attempt === undefined || waits) {
          next.push(one);
          continue;
        }
        const script = await memo(scripts, entry.dumpId, () => scriptFor(means, entry));
        const outcome = await attempt(sql, one, script);
        if (outcome.left !== undefined) next.push(outcome.left);
        if (outcome.changed !== undefined) changed.push(outcome.changed);
      }
      attempts = next.length < left.length ? [plainly, otherwise(means.searchPath)] : more;
      left = next;
      if (left.length === 0) break;
    }
    return { left, changed };
  });
}

const notAsked: Refused = { code: "", message: "what it needs is missing" };

function memo<T>(known: Map<number, T>, key: number, make: () => T): T {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

async function scriptFor({ archive, tools, argumentsFor }: RetryMeans, entry: TocEntry): Promise<string> {
  const bytes = await archive();
  const script = await scriptOf(tools, bytes, [entry], argumentsFor(entry));
  // Our session's own encoding stays; bytes of another one would be others afterwards.
  const isOurs = /^SET client_encoding = 'UTF8';$/m.test(script) || isUtf8(Buffer.from(entry.definition));
  return isOurs && !script.includes("\uFFFD") ? script.replace(/^SET client_encoding = .*;\n/m, "") : "";
}

/** Made by the first try, whose next statement (an owner's) was refused. */
const isThere = /^(?:42P07|42710|42723|42P06)$/;

const plainly: Attempt = async (sql, { entry }, script) => {
  if (script === "") return { left: { entry, refused: { code: "", message: "its encoding is not UTF-8" } } };
  const refused = await tryText(sql, script);
  if (refused === undefined) return {};
  if (!isThere.test(refused.code)) return { left: { entry, refused } };
  const owner = script.match(/^ALTER [A-Z ]+ [^\n]+ OWNER TO [^\n]+;$/gm)?.at(-1);
  const ownerRefused = owner === undefined ? undefined : await giveAway(sql, entry, owner);
  if (owner === undefined || ownerRefused === undefined) return {};
  return { left: { entry: { ...entry, definition: owner }, refused: ownerRefused, ownerOnly: true } };
};

/** An owner must have the right to create in the schema, but only at this moment. */
async function giveAway(
  sql: Sql,
  { schema, owner }: TocEntry,
  statement: string,
): Promise<Refused | undefined> {
  const refused = await tryText(sql, statement);
  if (refused?.code !== "42501" || schema === "") return refused;
  const right = `create on schema ${quoteIdentifier(schema)}`;
  const role = quoteIdentifier(owner);
  const lent = await tryText(sql, `grant ${right} to ${role}; ${statement} revoke ${right} from ${role}`);
  return lent === undefined ? undefined : refused;
}

/** A function, a table or a type that was looked for by its bare name. */
const notFound = /^(?:42883|42P01|42704|3F000)$/;
/** Functions that indexes call must find what they need under any search_path, or the index gives wrong answers. */
const underAnyPath = new Set(["CONSTRAINT", "INDEX", "STATISTICS"]);
const emptyPath = "SELECT pg_catalog.set_config('search_path', '', false);";

function otherwise(searchPath: string): Attempt {
  return async (sql, one, script) => {
    const { entry, refused } = one;
    if (entry.kind === "ACL" || entry.kind === "DEFAULT ACL")
      return await eachGrant(sql, entry, splitStatements(entry.definition));
    const weaker = unvalidated(entry, refused);
    if (weaker !== undefined) {
      const { definition, command } = weaker;
      if (
        (await tryText(
          sql,
          script.replace(entry.definition, () => definition),
        )) !== undefined
      )
        return { left: one };
      return { changed: { ...missingOf(one, []), outcome: "weaker", command } };
    }
    if (notFound.test(refused.code) && !underAnyPath.has(entry.kind)) {
      const path = `SET search_path = ${searchPath};`;
      if (
        (await tryText(
          sql,
          script.replace(emptyPath, () => path),
        )) !== undefined
      )
        return { left: one };
      return { changed: { ...missingOf(one, []), outcome: "otherwise" } };
    }
    return { left: one };
  };
}
