/** Attributes of roles as words, as CREATE ROLE has them. Pure. */

/** Anything else (a connection limit, an expiry) is no word. */
export const attributeWords = [
  "SUPERUSER",
  "CREATEDB",
  "CREATEROLE",
  "INHERIT",
  "LOGIN",
  "REPLICATION",
  "BYPASSRLS",
] as const;

export type AttributeWord = (typeof attributeWords)[number];

/** Those that let a role do more than it was granted. */
export const powerWords: ReadonlySet<string> = new Set([
  "SUPERUSER",
  "CREATEDB",
  "CREATEROLE",
  "REPLICATION",
  "BYPASSRLS",
]);

/** What a role with these words has; what is not said is as CREATE ROLE has it: INHERIT and nothing else. */
export function attributesOf(text: string): ReadonlySet<AttributeWord> {
  const said = new Set(text.toUpperCase().split(/[^A-Z]+/));
  return new Set(
    attributeWords.filter((word) => (word === "INHERIT" ? !said.has("NOINHERIT") : said.has(word))),
  );
}

/** -1: no limit. */
export function connectionLimitOf(text: string): number {
  return Number(/CONNECTION LIMIT (\d+)/i.exec(text)?.[1] ?? -1);
}
