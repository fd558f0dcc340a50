/**
 * A database as years of use may have left it, from a seed: odd names, types, objects, rights, and histories of ALTER and DROP.
 * Whatever the server takes is legal; what it refuses is left away.
 */
import { quoteIdentifier, quoteLiteral } from "../../../src/postgres/identifiers.ts";
import type { TestServer } from "../../support/servers.ts";
import { diceOf } from "./dice.ts";
import { change, curiosity, end, guard, right, rows, word } from "./history.ts";
import type { Known, Step } from "./known.ts";
import { foreignKey, index, partitioned, schema, table, view } from "./relations.ts";
import { routine, type } from "./types-and-routines.ts";
import { oddName } from "./names.ts";

const makers: readonly [(known: Known) => Step, ...((known: Known) => Step)[]] = [
  table, table, table, partitioned, foreignKey, index, index, view, view, routine, type, schema,
  rows, rows, rows, change, change, change, change, guard, guard, right, right, word, end, curiosity,
]; // prettier-ignore

export interface OddDatabase {
  readonly name: string;
  readonly roles: readonly string[];
  /** The statements that the server took, in order. */
  readonly accepted: readonly string[];
  readonly refused: number;
  /** Of the database itself; stock programs of a person's session obey some of them, ours must not. */
  readonly settings: readonly string[];
}

/** Makes `odd <seed>` on the server. Its roles are the server's, and removed by `removeRoles`. */
export async function makeOddDatabase(server: TestServer, seed: number, steps: number): Promise<OddDatabase> {
  const dice = diceOf(seed);
  const name = `odd ${seed}`;
  const known: Known = {
    dice, schemas: ["public"], roles: [], types: [], tables: [], things: [], functions: [], views: [], number: 0,
  }; // prettier-ignore
  await server.createDatabase(name);
  for (const attributes of ["nologin", "login noinherit", "login bypassrls connection limit 3"]) {
    const role = oddName(dice, seed * 10 + known.roles.length);
    await server.sql(name, `create role ${role} ${attributes}`);
    known.roles.push(role);
  }
  const accepted: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    const { sql, then } = dice.pick(makers)(known);
    const taken = await server.sql(name, sql).then(
      () => true,
      () => false,
    );
    if (!taken) continue;
    accepted.push(sql);
    then?.();
  }
  return {
    name,
    roles: known.roles,
    accepted,
    refused: steps - accepted.length,
    settings: settings(known, name),
  };
}

function settings({ dice, roles }: Known, name: string): readonly string[] {
  const database = quoteIdentifier(name);
  return dice.some(
    [
      `alter database ${database} set quote_all_identifiers = on`,
      `alter database ${database} set standard_conforming_strings = off`,
      `alter database ${database} set search_path = "a b", public`,
      `alter database ${database} set default_transaction_isolation = serializable`,
      `alter database ${database} set bytea_output = escape`,
      `alter database ${database} set timezone = 'Asia/Kathmandu'`,
      `alter database ${database} set default_transaction_read_only = on`,
      `alter role ${roles[0] ?? "public"} in database ${database} set work_mem = '5MB'`,
      `comment on database ${database} is ${quoteLiteral("it's\nodd")}`,
      `revoke connect on database ${database} from public`,
    ],
    5,
  );
}

export async function removeRoles(server: TestServer, { name, roles }: OddDatabase): Promise<void> {
  for (const database of [name, `${name} again`]) {
    await server.sql("postgres", `drop database if exists ${quoteIdentifier(database)}`);
  }
  for (const role of roles) await server.sql("postgres", `drop role if exists ${role}`);
}
