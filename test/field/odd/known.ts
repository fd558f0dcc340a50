/** What a growing database holds so far, and the next statement. */
import type { Dice } from "./dice.ts";
import { oddName } from "./names.ts";
import type { Column, OddType } from "./values.ts";

export interface Table {
  readonly schema: string;
  /** Qualified and quoted, as all names here. */
  readonly name: string;
  readonly columns: readonly Column[];
}

/** What is there as far as the statements so far were accepted. */
export interface Known {
  readonly dice: Dice;
  readonly schemas: string[];
  readonly roles: string[];
  readonly types: OddType[];
  readonly tables: Table[];
  /** `kind name`, for COMMENT ON, ALTER … OWNER TO and DROP. */
  readonly things: string[];
  readonly functions: string[];
  readonly views: string[];
  number: number;
}

export interface Step {
  readonly sql: string;
  /** What is known once the server has taken it. */
  readonly then?: () => void;
}

export function fresh(known: Known): string {
  known.number += 1;
  return oddName(known.dice, known.number);
}

export function anySchema({ dice, schemas }: Known): string {
  return dice.any(schemas) ?? "public";
}

export function qualified(known: Known): string {
  return `${anySchema(known)}.${fresh(known)}`;
}

export function made(known: Known, kind: string, name: string, sql: string, then?: () => void): Step {
  return {
    sql,
    then: () => {
      known.things.push(`${kind} ${name}`);
      then?.();
    },
  };
}
