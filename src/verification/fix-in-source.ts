/** The command that shows, or fixes, in the source what keeps one of its objects from being restored anywhere. */
import { identityOf, type Refusal } from "../postgres/refusal.ts";

const name = String.raw`(?:"(?:[^"]|"")+"|[^\s".,()]+)`;
const qualified = `${name}\\.${name}`;
const foreignKey = new RegExp(
  `ALTER TABLE (?:ONLY )?(${qualified})\\s+ADD CONSTRAINT ${name} FOREIGN KEY \\(([^)]*)\\) REFERENCES (${qualified})\\(([^)]*)\\)`,
);
const uniqueIndex = new RegExp(
  `CREATE UNIQUE INDEX (${name}) ON (?:ONLY )?(${qualified}) USING \\w+ \\(([^;]*?)\\)(?: NULLS[^;]*| WITH[^;]*| INCLUDE[^;]*)?;`,
);
const uniqueConstraint = new RegExp(
  `ALTER TABLE (?:ONLY )?(${qualified})\\s+ADD CONSTRAINT (${name}) (?:UNIQUE|PRIMARY KEY) \\(([^)]*)\\)`,
);

export function fixInSource({ entry, refused }: Refusal): string {
  const { definition } = entry;
  const [, child, columns = "", parent, keys = ""] = foreignKey.exec(definition) ?? [];
  if (refused.code === "23503" && child !== undefined && parent !== undefined) {
    const [own, theirs] = [columns, keys].map((list) => list.split(",").map((column) => column.trim()));
    const pairs = (own ?? [])
      .map((column, index) => `p.${theirs?.[index] ?? ""} = r.${column}`)
      .join(" AND ");
    const there = (own ?? []).map((column) => `r.${column} IS NOT NULL`).join(" AND ");
    return `In the source, correct or delete the rows that lack their parent: SELECT * FROM ${child} r WHERE ${there} AND NOT EXISTS (SELECT FROM ${parent} p WHERE ${pairs});`;
  }
  const byIndex = uniqueIndex.exec(definition);
  const byConstraint = uniqueConstraint.exec(definition);
  if (refused.code === "23505" && (byIndex ?? byConstraint) !== null) {
    const [table = "", list = ""] =
      byIndex === null ? [byConstraint?.[1], byConstraint?.[3]] : [byIndex[2], byIndex[3]];
    const index = byIndex === null ? byConstraint?.[2] : byIndex[1];
    const schema = new RegExp(`^${name}`).exec(table)?.[0] ?? "";
    return `In the source, correct the equal rows (SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off; SELECT ${list}, count(*) FROM ${table} GROUP BY ${list} HAVING count(*) > 1;), then run: REINDEX INDEX ${schema}.${index ?? ""};`;
  }
  switch (refused.code) {
    case "22021":
    case "22P05":
      return `In the source, correct the bytes that are invalid in its encoding, for example: UPDATE ${identityOf(entry)} SET column = convert_from(convert_to(column, 'SQL_ASCII'), 'LATIN1') WHERE …;`;
    case "23514":
      return `In the source, correct or delete the rows that the check refuses${checked(definition)}.`;
    case "42883":
    case "42P01":
    case "42704":
    case "3F000":
      return "In the source, give the function that looks for a bare name its own path: ALTER FUNCTION NAME SET search_path = SCHEMA, pg_temp; or write the names in the object's query with their schemas.";
    default:
      return `In the source, see it fail with: SET search_path = ''; ${definition.trim().replaceAll(/\s+/g, " ")}`.trimEnd();
  }
}

function checked(definition: string): string {
  const [, expression] = / CHECK (\(.*\))(?: NOT VALID)?;\s*$/s.exec(definition) ?? [];
  return expression === undefined ? "" : `: those of which NOT ${expression.replaceAll(/\s+/g, " ")}`;
}
