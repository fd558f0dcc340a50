/** Who may read what: in a public repository no name from inside a database leaves sealed files, whatever fails. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ActionEnd, type ActionName, runActionTo } from "../../support/actions.ts";
import { type Clinic, createClinic, insideNames, major, openClinic } from "./clinic.ts";

describe.skipIf(major === undefined)("names from inside", () => {
  let clinic: Clinic;

  beforeAll(async () => {
    clinic = await openClinic();
  });
  afterAll(() => clinic[Symbol.asyncDispose]());

  interface Case {
    readonly action: ActionName;
    readonly code: number;
    readonly error: string;
    readonly inputs: Readonly<Record<string, string>>;
    /** What somebody with a private repository reads in the log. */
    readonly named: RegExp;
  }

  async function showsOnlyInPrivate({ action, code, error, inputs, named }: Case): Promise<void> {
    const { github } = clinic;
    const step = (isPrivate: boolean): Promise<ActionEnd> =>
      runActionTo(code, action, { github, run: github.state.addRun(), inputs, isPrivate });
    const inPublic = await step(false);
    expect(inPublic.record).toMatchObject({ error: { code: error } });
    expect(inPublic.published).not.toMatch(insideNames);
    const inPrivate = await step(true);
    expect(inPrivate.record).toMatchObject({ error: { code: error } });
    expect(inPrivate.stdout).toMatch(named);
    expect(inPrivate.outputs["record"]).not.toMatch(insideNames);
  }

  const backUp = async (database: string, source = "database"): Promise<string> => {
    const { github, recipient, server } = clinic;
    const inputs = { "database-url": server.url(database), recipients: recipient, source };
    const step = { github, run: github.state.addRun(), inputs };
    return (await runActionTo(0, "db-backup", step)).outputs["snapshot"]!;
  };

  test("a backup that may not read everything says which object only where names may be shown", async () => {
    const { server } = clinic;
    await server.sql("clinic_db", "create role dumper login password 'correct-horse-9' bypassrls");
    await server.sql(
      "clinic_db",
      "grant usage on schema clinic to dumper; grant select on all tables in schema clinic to dumper",
    );
    const url = `postgresql://dumper:correct-horse-9@127.0.0.1:${server.port}/clinic_db`;
    await showsOnlyInPrivate({
      action: "db-backup",
      code: 2,
      error: "privilege-missing",
      inputs: { "database-url": url, recipients: clinic.recipient },
      named: /GRANT SELECT ON SEQUENCE clinic\.\w+/,
    });
    expect(clinic.github.state.finished()).toEqual([]);
  });

  test("a restored table that differs from the backup is named only where names may be shown", async () => {
    const { server, identity } = clinic;
    await backUp("clinic_db");
    await server.createDatabase("rounding");
    await server.sql(
      "rounding",
      `create schema clinic;
       create table clinic.visits (id int primary key, patient bigint, at timestamptz, cost numeric(10, 0));`,
    );
    const inputs = { "target-url": server.url("rounding"), identity, confirm: "rounding" };
    await showsOnlyInPrivate({
      ...{ action: "restore", code: 3, error: "restore-not-verified" },
      inputs: { ...inputs, tables: "clinic.visits" },
      named: /"clinic"\."visits" has all 4000 rows, but their content differs/,
    });
    await showsOnlyInPrivate({
      ...{ action: "restore", code: 2, error: "restore-selection" },
      inputs: { ...inputs, tables: "clinic.visit" },
      named: /Did you mean "clinic"\."visits"/,
    });
    expect(await server.sql("rounding", "select count(*) from clinic.visits")).toEqual([{ count: "0" }]);
  });

  test("a backup that cannot be restored says where it broke only where names may be shown", async () => {
    const { server, identity } = clinic;
    await createClinic(server, "fragile");
    // Finds its table by the search path, which is empty in a restore: the rows contradict the check there.
    await server.sql(
      "fragile",
      `set search_path = clinic;
       create function clinic.is_known(bigint) returns boolean language plpgsql as
         'begin return exists (select from patients where id = $1); end';
       alter table clinic.visits add constraint known check (clinic.is_known(patient));`,
    );
    await backUp("fragile", "fragile");
    await showsOnlyInPrivate({
      ...{ action: "verify", code: 3, error: "source-contradictory" },
      inputs: { level: "restored", identity, source: "fragile" },
      named: /relation "patients" does not exist/,
    });
  });
});
