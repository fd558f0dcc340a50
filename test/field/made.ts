/** Makes shapes of the field on a server: those that can share a database stand there in schemas of their own. */
import { quoteIdentifier } from "../../src/postgres/identifiers.ts";
import type { TestServer } from "../support/servers.ts";
import type { SqlShape } from "./shapes/shape.ts";

/** Several shapes that are backed up together. */
export interface Trip {
  readonly database: string;
  readonly shapes: readonly SqlShape[];
}

/** The trips that take all of `shapes`; what shares a database needs the same route. */
export function tripsOf(shapes: readonly SqlShape[], major: number): readonly Trip[] {
  const possible = shapes.filter(({ since = 0, before = Infinity }) => since <= major && major < before);
  const shared = possible.filter(({ alone }) => alone === undefined);
  const own = possible.filter(({ alone }) => alone !== undefined);
  return [
    ...(shared.length === 0 ? [] : [{ database: "shared", shapes: shared }]),
    ...own.map((shape) => ({ database: shape.name, shapes: [shape] })),
  ];
}

export async function makeTrip(server: TestServer, { database, shapes }: Trip): Promise<void> {
  const [first] = shapes;
  for (const shape of shapes) await shape.prepare?.(server);
  const options = first?.alone === undefined || first.alone === true ? {} : first.alone;
  await server.createDatabase(database, options);
  for (const shape of shapes) await makeShape(shape, server.major, (text) => server.sql(database, text));
  for (const { asSuperuser } of shapes)
    if (asSuperuser !== undefined) await server.sql(database, asSuperuser);
}

/** By whoever `run` is; a shape that shares its database comes into a schema of its own name. */
export async function makeShape(
  { name, alone, setup, failing }: SqlShape,
  major: number,
  run: (text: string) => Promise<unknown>,
): Promise<void> {
  const own = alone === undefined;
  if (own) await run(`create schema ${quoteIdentifier(name)}`);
  const path = own ? `set search_path = ${quoteIdentifier(name)}, public; ` : "";
  for (const step of setup) {
    const { since, sql } = typeof step === "string" ? { since: 0, sql: step } : step;
    if (since > major) continue;
    await run(path + sql).catch((cause: unknown) => {
      throw new Error(`The shape ${name} cannot be made on PostgreSQL ${major}: ${String(cause)}`, { cause });
    });
  }
  if (failing === undefined) return;
  const failed = await run(failing).then(
    () => false,
    () => true,
  );
  if (!failed) throw new Error(`This should have failed: ${failing}`);
}
