/**
 * Whether two definitions mean the same to PostgreSQL although their texts differ: both are parsed and deparsed again
 * (`x in ('a','b')` on varchar, flattened AND, casts), here, by the server itself. Nothing is executed: an expression
 * becomes the column of a temporary view, which is parsed and never read.
 */
import type { QueryConfig } from "pg";
import type { CatalogObject } from "../snapshot/contents.ts";
import type { Sql } from "./client.ts";
import { type DeparsedTexts, deparsedTexts, type Surroundings } from "./expressions.ts";
import { alignedPieces, counterparts, textsWithin } from "./definition-pieces.ts";

/** One object as the backup and as the restored database define it. */
export interface DefinitionPair {
  readonly expected: CatalogObject;
  readonly found: CatalogObject;
}

/** A text may need a second round until it stays as it is. */
const rounds = 3;
const scratch = "lifeboat_reparsed";

/**
 * Those of `pairs` that are the same after all. `sql` is in a transaction of the restored database, which must be able
 * to make temporary objects; what is made is undone.
 */
export async function sameWhenReparsed(
  sql: Sql,
  pairs: readonly DefinitionPair[],
): Promise<ReadonlySet<CatalogObject>> {
  const same = new Set<CatalogObject>();
  for (const [kind, group] of Map.groupBy(pairs, ({ found }) => found.kind)) {
    const texts = await deparsedTexts(
      sql,
      kind,
      group.map(({ found }) => found.identity),
    );
    for (const { expected, found } of group) {
      const here = texts.get(found.identity);
      const equal = await everyPair(
        alignedPieces(found.definition, expected.definition),
        async (a, b) => here !== undefined && (await samePiece(sql, a, b, here)),
      );
      if (equal) same.add(expected);
    }
  }
  return same;
}

type Pairs = readonly (readonly [found: string, expected: string])[];

async function everyPair(pairs: Pairs, holds: (a: string, b: string) => Promise<boolean>): Promise<boolean> {
  for (const [a, b] of pairs) if (a !== b && !(await holds(a, b))) return false;
  return true;
}

async function samePiece(sql: Sql, found: string, expected: string, here: DeparsedTexts): Promise<boolean> {
  const texts = textsWithin(found, here.texts);
  const there = counterparts(found, texts, expected);
  if (texts.length === 0 || there === undefined) return false;
  const pairs = texts.map((text, index) => [text, there[index] ?? ""] as const);
  return await everyPair(pairs, (a, b) => meansTheSame(sql, a, b, here.surroundings));
}

async function meansTheSame(sql: Sql, a: string, b: string, surroundings: Surroundings): Promise<boolean> {
  const ofA = await spellings(sql, a, surroundings);
  const ofB = await spellings(sql, b, surroundings);
  return ofA.some((text) => ofB.includes(text));
}

/** What becomes of a text, round by round. */
async function spellings(sql: Sql, text: string, surroundings: Surroundings): Promise<readonly string[]> {
  const seen: string[] = [];
  for (let next: string | undefined = text; seen.length < rounds;) {
    next = await reparsed(sql, next, surroundings);
    if (next === undefined) break;
    seen.push(next);
  }
  return seen;
}

/** The text after one more round through the parser; undefined where it cannot be parsed here. */
async function reparsed(sql: Sql, text: string, surroundings: Surroundings): Promise<string | undefined> {
  await sql.query("savepoint lifeboat_reparse");
  try {
    return await readBack(sql, text, surroundings);
  } catch {
    return undefined;
  } finally {
    await sql.query("rollback to savepoint lifeboat_reparse; release savepoint lifeboat_reparse");
  }
}

async function readBack(sql: Sql, text: string, surroundings: Surroundings): Promise<string> {
  switch (surroundings.kind) {
    case "relation":
      return await asView(sql, `select (${text}) as x from only ${surroundings.relation}`, expressionOf);
    case "list": {
      const query = `select (${text}) is null as x from only ${surroundings.relation}`;
      return (await asView(sql, query, expressionOf)).replace(/ IS NULL\)?$/, "").replace(/^\(/, "");
    }
    case "trigger":
      return await asView(
        sql,
        `select (${text}) as x from only ${surroundings.relation} old, only ${surroundings.relation} new`,
        expressionOf,
      );
    case "view":
      return await asView(sql, text.replace(/;\s*$/, ""), (definition) => definition);
    case "domain":
      await one(sql, `create domain pg_temp.${scratch} as ${surroundings.baseType} check (${text})`);
      return await answer(
        sql,
        `select pg_catalog.pg_get_expr(conbin, 0) as text from pg_catalog.pg_constraint
         where contypid = 'pg_temp.${scratch}'::pg_catalog.regtype and contype = 'c'`,
      );
    case "function": {
      // Its own name, for it may call a parameter `name.parameter`.
      const bare = withoutSchema(surroundings.name);
      await one(sql, inTemporarySchema(text, ` ${surroundings.name}(`, ` pg_temp.${bare}(`));
      const made = await answer(
        sql,
        `select pg_catalog.pg_get_functiondef(oid) as text from pg_catalog.pg_proc
         where pronamespace = pg_catalog.pg_my_temp_schema()`,
      );
      return made.replace(/ pg_temp(?:_\d+)?\./, () => ` ${surroundings.name.slice(0, -bare.length)}`);
    }
    case "rule": {
      await one(sql, `create temporary table ${scratch} (like ${surroundings.name})`);
      await one(sql, inTemporarySchema(text, ` TO ${surroundings.name}`, ` TO pg_temp.${scratch}`));
      const rule = await answer(
        sql,
        `select pg_catalog.pg_get_ruledef(oid) as text from pg_catalog.pg_rewrite
         where ev_class = 'pg_temp.${scratch}'::pg_catalog.regclass`,
      );
      return rule.replace(/ TO pg_temp(?:_\d+)?\.lifeboat_reparsed/, ` TO ${surroundings.name}`);
    }
  }
}

async function asView(sql: Sql, query: string, read: (definition: string) => string): Promise<string> {
  await one(sql, `create temporary view ${scratch} as ${query}`);
  return read(
    await answer(sql, `select pg_catalog.pg_get_viewdef('pg_temp.${scratch}'::pg_catalog.regclass) as text`),
  );
}

/** ` SELECT expression AS x\n   FROM …` → `expression` */
function expressionOf(definition: string): string {
  return /^\s*SELECT (.*) AS x\s+FROM /s.exec(definition)?.[1] ?? definition;
}

function inTemporarySchema(definition: string, name: string, temporary: string): string {
  return definition.replace(name, () => temporary);
}

/** `schema.name`, each quoted where it must be → `name` */
function withoutSchema(name: string): string {
  return /^(?:"(?:[^"]|"")*"|[^."]+)\.(.*)$/s.exec(name)?.[1] ?? name;
}

/** The extended protocol takes one statement only: text from a backup cannot smuggle in a second one. */
async function one(sql: Sql, text: string): Promise<void> {
  const extended: QueryConfig & { readonly queryMode: "extended" } = { text, queryMode: "extended" };
  await sql.query(extended);
}

async function answer(sql: Sql, query: string): Promise<string> {
  const { rows } = await sql.query<{ text: string }>(query);
  return rows[0]?.text ?? "";
}
