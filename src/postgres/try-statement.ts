/** Statements that a server may refuse: its words are an answer. Whatever else ends them is thrown. */
import type { Sql } from "./client.ts";
import type { Refused } from "./refusal.ts";

/** Connection, resources, operator intervention, I/O: nothing that another statement would not meet as well. */
const hopeless = /^(?:08|53|57)|^58030$/;

/** The reason for which the server did not take it; undefined where it did. */
export async function refusalOf(work: () => Promise<unknown>): Promise<Refused | undefined> {
  try {
    await work();
    return undefined;
  } catch (cause) {
    const { severity, code, message, detail, ...about } = cause as Refused & { severity?: string };
    // Only a server's errors have a severity.
    if (severity === undefined || hopeless.test(code)) throw cause;
    const { schema, table, dataType, constraint } = about;
    return { code, message, detail, schema, table, dataType, constraint };
  }
}

/** Several statements in one text come about together or not at all. */
export async function tryText(sql: Sql, text: string): Promise<Refused | undefined> {
  return await refusalOf(() => sql.query(text));
}
