/** SQL quoting, for names and strings that come from somebody's database. */

/** `name` as a quoted identifier, exact for every name that PostgreSQL allows. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The same without a character beyond ASCII, for servers that would take its bytes for other characters. */
export function quoteInAscii(name: string): string {
  const escaped = name.replaceAll(/[^\x20-\x7e]|\\/gu, (character) =>
    character === "\\" ? "\\\\" : `\\+${(character.codePointAt(0) ?? 0).toString(16).padStart(6, "0")}`,
  );
  return `U&${quoteIdentifier(escaped)}`;
}

/** `schema.name`, both quoted. */
export function quoteQualified(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** `text` as a string constant, whatever standard_conforming_strings says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return quoted.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}
