/** A role that exists, held against the backup's: it is never altered, so each difference is told, with its direction. */
import type { Finding } from "../verification/findings.ts";
import { quoteIdentifier } from "./identifiers.ts";
import { roleFinding } from "./role-findings.ts";
import { type AttributeWord, attributesOf, attributeWords, connectionLimitOf } from "./role-words.ts";

export interface ExistingRole {
  readonly attributes: ReadonlySet<AttributeWord>;
  /** -1: no limit. */
  readonly connectionLimit: number;
  /** Made by initdb. */
  readonly isFirst: boolean;
}

export function differenceOf(
  role: { readonly name: string; readonly attributes: string },
  existing: ExistingRole | undefined,
): readonly Finding[] {
  if (existing === undefined) return [];
  const name = quoteIdentifier(role.name);
  const before = attributesOf(role.attributes);
  const { attributes: here, connectionLimit } = existing;
  const wider = attributeWords.filter((word) => here.has(word) && !before.has(word));
  const narrower = attributeWords.filter((word) => before.has(word) && !here.has(word));
  const limit = connectionLimitOf(role.attributes);
  const words = [
    ...wider.map((word) => `NO${word}`),
    ...narrower,
    ...(limit === connectionLimit ? [] : [`CONNECTION LIMIT ${limit}`]),
  ];
  if (words.length === 0) return [];
  const said = [
    ...(wider.length === 0 ? [] : [`${wider.join(", ")} here and not in the backup (wider here)`]),
    ...(narrower.length === 0 ? [] : [`${narrower.join(", ")} in the backup and not here (narrower here)`]),
    ...(limit === connectionLimit
      ? []
      : [`a connection limit of ${connectionLimit} here and ${limit} in the backup (-1 is none)`]),
  ].join("; ");
  return [
    ...(isLeft(existing, before)
      ? [
          roleFinding(
            "superuser-left",
            `The role ${name} is a superuser without login here: a restore that was killed may have left it so.`,
            `ALTER ROLE ${name} NOSUPERUSER`,
            "error",
          ),
        ]
      : []),
    roleFinding(
      "role-differs",
      `The role ${name} exists here with other attributes than in the backup: ${said}.`,
      `ALTER ROLE ${name} ${words.join(" ")}`,
    ),
  ];
}

/**
 * Versions before this one made roles without login superusers while they loaded. Nothing proves that it was us, so
 * nobody takes it back: a person may have made such a role, which the backup then often has as well.
 */
function isLeft({ attributes, isFirst }: ExistingRole, before: ReadonlySet<AttributeWord>): boolean {
  const likeOurs = attributes.has("SUPERUSER") && !attributes.has("LOGIN") && !isFirst;
  return likeOurs && (before.has("LOGIN") || !before.has("SUPERUSER"));
}
