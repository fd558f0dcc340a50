/** A key or a check that rows contradict, as it can be restored all the same. */
import type { Refused } from "./refusal.ts";
import type { TocEntry } from "./restore-toc.ts";

export interface Unvalidated {
  readonly definition: string;
  /** What proves it, once the rows are corrected. */
  readonly command: string;
}

const contradicted = /^23(?:503|514)$/;
const name = String.raw`(?:"(?:[^"]|"")+"|[^\s".]+)`;
const addConstraint = new RegExp(
  `^\\s*(ALTER (?:TABLE|DOMAIN) (?:ONLY )?${name}\\.${name})\\s+ADD CONSTRAINT (${name}) `,
);

/** Undefined where not being validated is no way out. */
export function unvalidated({ kind, definition }: TocEntry, { code }: Refused): Unvalidated | undefined {
  if (!contradicted.test(code) || !/^(?:CHECK|FK) CONSTRAINT$/.test(kind)) return undefined;
  const [, table = "", constraint = ""] = addConstraint.exec(definition) ?? [];
  return {
    definition: definition.replace(/;\s*$/, " NOT VALID;\n"),
    command: `${table} VALIDATE CONSTRAINT ${constraint};`,
  };
}
