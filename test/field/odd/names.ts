/** Names that somebody somewhere gave a table. */
import { quoteIdentifier } from "../../../src/postgres/identifiers.ts";
import type { Dice } from "./dice.ts";

const stems = [
  "orders",
  "Orders",
  "order",
  "select",
  "a b",
  'quo"te',
  "it's",
  "back\\slash",
  "semi;colon",
  "dot.ted",
  "per%cent",
  "dollar$1",
  "--dashes",
  "tab\there",
  "line\nbreak",
  " leading",
  "trailing ",
  "ünïcode",
  "表",
  "🙂",
  "x".repeat(58),
  "é".repeat(28),
  "1st",
  "NULL",
  "user",
  "public",
  "/*comment*/",
  "{brace}",
  "new",
  "pgish",
] as const;

/** Quoted, with a number that keeps it apart from the others; at most 63 bytes. */
export function oddName(dice: Dice, number: number): string {
  return quoteIdentifier(`${dice.pick([...stems])}${number}`);
}
