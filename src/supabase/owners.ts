/** Owners other than `postgres`: given after the objects were made, by the words that pg_restore would use. */
import type { Sql } from "../postgres/client.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import type { TocEntry } from "../postgres/restore-toc.ts";
import { ownerAfterRestore } from "./managed.ts";

export interface OwnerChange {
  readonly owner: string;
  /** "" where the object is in none. */
  readonly schema: string;
  readonly statement: string;
}

const kinds =
  "SCHEMA|TABLE|FOREIGN TABLE|VIEW|MATERIALIZED VIEW|SEQUENCE|FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|COLLATION|" +
  "CONVERSION|OPERATOR|TEXT SEARCH CONFIGURATION|TEXT SEARCH DICTIONARY|SERVER|STATISTICS";
const dropped = new RegExp(`^DROP (${kinds}) (.*);\\n?$`, "s");

/** Schemas first, because owners must be able to create in them; then tables, which take their sequences along. */
export function ownerChanges(entries: readonly TocEntry[], me: string): readonly OwnerChange[] {
  const changes = entries.flatMap((entry): (OwnerChange & { kind: string })[] => {
    const owner = ownerAfterRestore(entry.owner);
    if (owner === "" || owner === me || owner === "postgres") return [];
    const [, kind, name] = dropped.exec(entry.dropStatement) ?? [];
    if (kind !== undefined && name !== undefined) {
      const statement = `alter ${kind} ${name} owner to ${quoteIdentifier(owner)}`;
      return [{ owner, schema: entry.schema, statement, kind }];
    }
    return largeObjectsOf(entry).map((oid) => ({
      owner,
      schema: "",
      statement: `alter large object ${oid} owner to ${quoteIdentifier(owner)}`,
      kind: entry.kind,
    }));
  });
  const rank = ({ kind }: { kind: string }): number => (kind === "SCHEMA" ? 0 : kind === "TABLE" ? 1 : 2);
  return changes.toSorted((a, b) => rank(a) - rank(b));
}

function largeObjectsOf({ kind, tag, definition }: TocEntry): readonly string[] {
  if (kind === "BLOB") return [tag];
  return kind === "BLOB METADATA" ? definition.split(/\s+/).filter((oid) => /^\d+$/.test(oid)) : [];
}

/** Roles that own something must be ours to use while objects change hands. */
export class BorrowedRoles {
  readonly #sql: Sql;
  readonly #giveBack: string[] = [];

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async borrow(roles: Iterable<string>, targetMajor: number): Promise<void> {
    for (const role of new Set(roles)) {
      const usable = targetMajor >= 16 ? "USAGE, SET" : "MEMBER";
      const { rows } = await this.#sql.query<{ mine: string }>(
        `select ${usable
          .split(", ")
          .map((word) => `pg_catalog.pg_has_role(current_user, $1, '${word}')`)
          .join(" and ")} as mine`,
        [role],
      );
      if (rows[0]?.mine === "t") continue;
      await this.#sql.query(`grant ${quoteIdentifier(role)} to current_user`);
      this.#giveBack.push(`revoke ${quoteIdentifier(role)} from current_user`);
    }
  }

  /** Gives objects away; an owner that may not create in the schema may for this moment. */
  async change(changes: readonly OwnerChange[]): Promise<void> {
    for (const { owner, schema, statement } of changes) {
      const may =
        schema === "" || statement.startsWith("alter SCHEMA")
          ? undefined
          : await this.#sql.query<{ may: string }>(
              "select pg_catalog.has_schema_privilege($1, $2, 'CREATE') as may",
              [owner, schema],
            );
      const lend = may?.rows[0]?.may === "f";
      const on = `create on schema ${quoteIdentifier(schema)}`;
      if (lend) await this.#sql.query(`grant ${on} to ${quoteIdentifier(owner)}`);
      await this.#sql.query(statement);
      if (lend) await this.#sql.query(`revoke ${on} from ${quoteIdentifier(owner)}`);
    }
  }

  async giveBack(): Promise<void> {
    for (const statement of this.#giveBack) await this.#sql.query(statement);
    this.#giveBack.length = 0;
  }
}
