/** A database on each of its routes, and what stock pg_dump and pg_restore make of it. */
import { asLifeboatError } from "../../src/errors.ts";
import { toolPath } from "../../src/postgres/client-tools.ts";
import { libpqEnvironment } from "../../src/postgres/libpq.ts";
import { runTool } from "../../src/system/process.ts";
import type { Finding, Verdict } from "../../src/verification/findings.ts";
import { connectionTo, restore, type Safe, toolsOf, verify } from "../integration/backup/backing-up.ts";
import { dumpedRows, dumpedSchema } from "../integration/round-trip/dumped-text.ts";
import type { TestServer } from "../support/servers.ts";

/** What a route came to: the code of its error, or the verdict and what it told. */
export interface Outcome {
  readonly error?: string;
  readonly verdict?: Verdict;
  readonly findings: readonly Finding[];
}

export async function outcomeOf(act: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await act();
  } catch (cause) {
    const { code, message, inside = "" } = asLifeboatError(cause);
    const told = { level: "error", code, sentence: `${message} ${inside}`, publicSentence: "", remedy: "" };
    return { error: code, findings: [told as Finding] };
  }
}

export function verified(safe: Safe, id: string, server: TestServer): Promise<Outcome> {
  return outcomeOf(async () => {
    const { verdict, components } = await verify(safe, id, {
      level: "restored",
      server: connectionTo(server, "postgres"),
      trustContents: true,
    });
    return { verdict, findings: components.flatMap(({ findings }) => findings) };
  });
}

/** As `<database> again`. */
export function restoredAsNew(
  safe: Safe,
  id: string,
  server: TestServer,
  database: string,
): Promise<Outcome> {
  return outcomeOf(async () => {
    const target = connectionTo(server, `${database} again`);
    const { restored } = await restore(safe, id, { target, mode: { kind: "new-database" } });
    return { findings: restored?.findings ?? [] };
  });
}

/** Over `<database> again`, which has something else by then; what stood there is dropped. */
export function restoredInPlace(
  safe: Safe,
  id: string,
  server: TestServer,
  database: string,
): Promise<Outcome> {
  return outcomeOf(async () => {
    const target = connectionTo(server, `${database} again`);
    await server.sql(
      target.database,
      "set transaction read write; create schema stood; create table stood.before (id int); insert into stood.before values (1)",
    );
    const confirm = target.database;
    const { restored } = await restore(safe, id, { target, mode: { kind: "in-place" }, confirm });
    await server.sql("postgres", `drop database "${restored?.keptDatabase ?? ""}"`);
    return { findings: restored?.findings ?? [] };
  });
}

/** Stock's own restore, as `<database> stock`; what it cannot bring back, it leaves out. */
export async function restoredByStock(from: TestServer, to: TestServer, database: string): Promise<void> {
  const tools = await toolsOf(to.major);
  const { stdout } = await runTool({
    program: toolPath(tools, "pg_dump"),
    args: ["--format=custom", "--no-password"],
    env: libpqEnvironment(connectionTo(from, database)),
  });
  const copy = connectionTo(to, `${database} stock`);
  await to.createDatabase(copy.database);
  await runTool(
    {
      program: toolPath(tools, "pg_restore"),
      args: ["--no-password", "-d", copy.database],
      env: libpqEnvironment(copy),
    },
    { input: stdout },
  ).catch(() => {});
}

/** What stock pg_dump writes of `<database> again` and of `<database> stock`, without the lines of `but`. */
export async function dumpsOfRestored(
  server: TestServer,
  database: string,
  { but, from }: { readonly but: readonly RegExp[]; readonly from: number },
): Promise<{ readonly ours: string; readonly stock: string }> {
  const upgraded = from < maintainSince && server.major >= maintainSince;
  const of = async (copy: string): Promise<string> => {
    const connection = connectionTo(server, `${database} ${copy}`);
    const texts = [await dumpedSchema(connection, server.major), await dumpedRows(connection, server.major)];
    const lines = texts.join("\n").split("\n");
    const told = lines.filter((line) => !but.some((expression) => expression.test(line)));
    return (upgraded ? told.flatMap(withoutMaintain) : told).join("\n");
  };
  return { ours: await of("again"), stock: await of("stock") };
}

const maintainSince = 17;

/** All rights of before are granted as ALL by the older client, and one by one by the newer. */
function withoutMaintain(line: string): readonly string[] {
  if (/GRANT MAINTAIN ON/.test(line)) return [];
  const spelled = line.replace("SELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE ON", "ALL ON");
  return [spelled.replace(/^(.*GRANT .*),MAINTAIN(.* ON)/, "$1$2")];
}
