/** Rights one by one: one that is refused takes no other one with it. */
import type { Sql } from "./client.ts";
import { missingOf, type Outcome, type Refused } from "./refusal.ts";
import type { TocEntry } from "./restore-toc.ts";
import { runStatement } from "./sql-statements.ts";
import { refusalOf } from "./try-statement.ts";

/** To a role of which only the number is left: pg_dump writes that as its name. */
const toNobody =
  /^(?:ALTER DEFAULT PRIVILEGES .*)?(?:GRANT|REVOKE) .* (?:TO|FROM) "?\d+"?(?: WITH GRANT OPTION)?$/s;

export async function eachGrant(sql: Sql, entry: TocEntry, statements: readonly string[]): Promise<Outcome> {
  let first: Refused | undefined;
  let vanished: Refused | undefined;
  for (const statement of statements) {
    const refused = await refusalOf(() => runStatement(sql, statement));
    if (refused === undefined) continue;
    if (refused.code === "42704" && toNobody.test(statement)) vanished = refused;
    else first ??= refused;
  }
  await sql.query("reset session authorization");
  if (first !== undefined) return { left: { entry, refused: first } };
  if (vanished === undefined) return {};
  return { changed: { ...missingOf({ entry, refused: vanished }, []), outcome: "otherwise" } };
}
