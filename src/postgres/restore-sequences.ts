/** Sequences after a restore: only ever forward, because their values are not part of a snapshot's moment. */
import type { SequenceContents } from "../snapshot/contents.ts";
import type { Sql } from "./client.ts";
import { quoteQualified } from "./identifiers.ts";

/** Moves each sequence that exists to its recorded value, unless it stands there or further already. */
export async function advanceSequences(sql: Sql, recorded: readonly SequenceContents[]): Promise<number> {
  let moved = 0;
  for (const { schema, name, lastValue, isCalled, increment } of recorded) {
    if (lastValue === null) continue;
    const qualified = quoteQualified(schema, name);
    const exists = await sql.query<{ found: string | null }>("select pg_catalog.to_regclass($1) found", [
      qualified,
    ]);
    if (exists.rows[0]?.found == null) continue;
    const { rows } = await sql.query<{ last_value: string; is_called: string }>(
      `select last_value, is_called from ${qualified}`,
    );
    const here = rows[0];
    if (here === undefined) continue;
    const called = isCalled !== false;
    if (!isFurther(lastValue, called, here.last_value, here.is_called === "t", increment)) continue;
    await sql.query("select pg_catalog.setval($1::regclass, $2::bigint, $3::boolean)", [
      qualified,
      lastValue,
      called,
    ]);
    moved += 1;
  }
  return moved;
}

/** Whether value `a` lies further along the sequence's direction than `b`. */
export function isFurther(
  a: string,
  aCalled: boolean,
  b: string,
  bCalled: boolean,
  increment: string,
): boolean {
  if (a === b) return aCalled && !bCalled;
  const rises = !increment.startsWith("-");
  return BigInt(a) > BigInt(b) === rises;
}
