/** Statements of an archive's entry that a superuser runs one by one: taken apart, and held against what they may be. */
import type { Sql } from "./client.ts";

/** Extended: the server then refuses a text of several statements. */
export async function runStatement(sql: Sql, text: string): Promise<void> {
  const statement = { text, queryMode: "extended" };
  await sql.query(statement);
}

const token =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[a-zA-Z_\x80-\uffff][\w\x80-\uffff]*)?\$)|;|[\w\x80-\uffff]+|[^\w]/gsu;

/** At semicolons outside of quotes; as pg_dump writes, without E'' and comments. */
export function splitStatements(sql: string): readonly string[] {
  const statements: string[] = [];
  let from = 0;
  const tokens = new RegExp(token);
  for (let match = tokens.exec(sql); match !== null; match = tokens.exec(sql)) {
    const [found, dollars] = match;
    if (dollars !== undefined) {
      const end = sql.indexOf(dollars, tokens.lastIndex);
      tokens.lastIndex = end < 0 ? sql.length : end + dollars.length;
    } else if (found === ";") {
      statements.push(sql.slice(from, match.index).trim());
      from = tokens.lastIndex;
    }
  }
  const rest = sql.slice(from).trim();
  return [...statements, rest].filter((statement) => statement !== "");
}

/** What stands outside of quoted names and strings, each of which becomes `q`; undefined where a comment stands. */
export function bareWords(statement: string): string | undefined {
  const bare = statement.replaceAll(/"(?:[^"]|"")*"|'(?:[^']|'')*'/gs, "q");
  return /--|\/\*|[;$'"\\]/.test(bare) ? undefined : bare;
}

const name = String.raw`[\w\x80-\uffff]+`;
const grant = new RegExp(
  String.raw`^(?:GRANT|REVOKE(?: GRANT OPTION FOR)?) [\w ,()]+ ON [\s\S]+ (?:TO|FROM) ${name}(?: WITH GRANT OPTION)?$`,
  "u",
);
const asGrantor = new RegExp(
  String.raw`^(?:SET SESSION AUTHORIZATION ${name}|RESET SESSION AUTHORIZATION)$`,
  "u",
);

/** The statements of an ACL entry; undefined where one of them is anything but rights on objects. */
export function grantStatements(definition: string): readonly string[] | undefined {
  const statements = splitStatements(definition);
  const allKnown = statements.every((statement) => {
    const bare = bareWords(statement);
    return bare !== undefined && (grant.test(bare) || asGrantor.test(bare));
  });
  return allKnown ? statements : undefined;
}
