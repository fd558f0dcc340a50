/** Drills from a clean folder with the built command: a policy, an identity and a store, and nothing else that is left. */
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { format } from "prettier";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { unsealDocument } from "../../../src/seal/seal.ts";
import { drillEvidenceSchema } from "../../../src/snapshot/drill-evidence.ts";
import { readSignedDocument } from "../../../src/snapshot/signed-document.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { type BuiltBundle, builtBundle } from "../../support/bundle.ts";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { wholeBinDir } from "../../support/whole-programs.ts";
import { repositoryRoot } from "../../support/workflow-files.ts";
import { type RunEnd, startRun } from "../faults/runs.ts";

const majors = await majorsWithClients([15, 17]);
const insideNames = /prescriptions|patient|ward-photos|x-ray|dosage|pharmacist/;
const shiftedClock = pathToFileURL(join(repositoryRoot, "test/support/workflow-run/shifted-clock.ts")).href;
const dayMs = 86_400_000;

const rows = `
  create role pharmacist;
  create table prescriptions (id serial primary key, patient text not null, dosage numeric check (dosage > 0));
  insert into prescriptions (patient, dosage) select 'patient ' || i, i from generate_series(1, 20000) i;
  create index prescriptions_by_patient on prescriptions (patient);
  alter table prescriptions enable row level security;
  create policy own_patients on prescriptions to pharmacist using (dosage < 100);
  grant select on prescriptions to pharmacist;
  create schema storage;
  create table storage.objects (bucket_id text, name text, metadata jsonb, created_at timestamptz, updated_at timestamptz);
  insert into storage.objects values
    ('ward-photos', 'x-ray-1.png', '{"size": 1000}', '2026-01-01Z', '2026-01-01Z'),
    ('ward-photos', 'x-ray-2.png', '{"size": 2000}', '2026-01-01Z', '2026-01-01Z')`;

interface Clinic {
  readonly folder: string;
  readonly binDir: string;
  readonly server: TestServer;
  readonly storage: StorageServer;
  readonly identity: string;
  readonly policy: string;
  readonly lifeboat: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<RunEnd>;
}

describe.skipIf(majors.length === 0).each(majors)("with PostgreSQL %i", (major) => {
  let clinic: Clinic;
  let bundle: BuiltBundle;

  beforeAll(async () => {
    bundle = await builtBundle();
    clinic = await openClinic(major, bundle);
    await backUpEverything(clinic);
    // Everything is gone.
    await clinic.server.stop();
    await clinic.storage.close();
    await rm(join(clinic.folder, "app"), { recursive: true });
  });
  afterAll(() => rm(clinic.folder, { recursive: true, force: true }));

  /** A machine that nobody has used: policy and identity are all that was brought along. */
  async function drilled(kind: string, ...more: readonly string[]) {
    const machine = await mkdtemp(join(clinic.folder, "machine-"));
    await chmod(machine, 0o755);
    await writeFile(join(machine, "lifeboat.yml"), clinic.policy);
    await writeFile(join(machine, "identity.txt"), clinic.identity, { mode: 0o600 });
    const flags = ["--policy", "lifeboat.yml", "--identity-file", "identity.txt", "--report", "report.md"];
    const args = [bundle.cli, "drill", kind, ...flags, "--postgres-bin", clinic.binDir, "--json", ...more];
    const end = await startRun({ temporary: machine }, args).ended;
    const report = await readFile(join(machine, "report.md"), "utf8").catch(() => "");
    const left = (await readdir(machine)).filter(
      (name) => !/^(lifeboat.yml|identity.txt|report.md)$/.test(name),
    );
    return { end, report, left };
  }

  async function evidenceOf(source: string) {
    const root = join(clinic.folder, "store/evidence", source);
    const files = (await readdir(root, { recursive: true })).filter((name) => name.endsWith(".drill.json"));
    return await Promise.all(files.map((name) => readFile(join(root, name))));
  }

  test("a disaster drill brings all of it back in order, and leaves evidence and a report", async () => {
    const { end, report, left } = await drilled("disaster");
    expect(end.code, end.stderr + end.stdout).toBe(0);
    const document = JSON.parse(end.stdout) as {
      readonly verdict: string;
      readonly sources: readonly { readonly source: { readonly name: string } }[];
      readonly between: readonly {
        readonly component: string;
        readonly verdict: string;
        readonly checked: number;
      }[];
    };
    expect(document.verdict).toBe("passed");
    expect(document.sources.map(({ source }) => source.name)).toEqual(["application", "database", "storage"]);
    expect(document.between.map(({ component, verdict }) => [component, verdict])).toEqual([
      ["keys", "passed"],
      ["objects-and-rows", "passed"],
      ["moments", "passed"],
    ]);
    expect(document.between[1]?.checked).toBe(2);
    // A throwaway server's folders are gone, and no plaintext stays.
    expect(left).toEqual([]);
    expect(report).toContain("# ✅ Disaster drill: passed");
    expect(report).not.toMatch(insideNames);

    const ajv = new Ajv2020({ strict: false });
    (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
    const schema = await readFile(join(repositoryRoot, "docs/schemas/drill.schema.json"), "utf8");
    const isValid = ajv.compile(JSON.parse(schema) as object);
    for (const source of ["application", "database", "storage"]) {
      const [bytes] = await evidenceOf(source);
      const text = Buffer.from(bytes!).toString();
      expect(isValid(JSON.parse(text)), JSON.stringify(isValid.errors)).toBe(true);
      expect(text).not.toMatch(insideNames);
      const evidence = readSignedDocument(bytes!, drillEvidenceSchema)!;
      expect(evidence.drill).toMatchObject({ kind: "disaster", verdict: "passed" });
      expect(evidence.recoveryTime.isMet).toBe(true);
      expect(evidence.recoveryPoint.windows.map(({ windowDays }) => windowDays)).toEqual([30, 365]);
      expect(evidence.report).toContain("ISO/IEC 27001:2022 A.8.13");
      const sealed = Buffer.from(evidence.sealedDetails!, "base64");
      const details = await unsealDocument(sealed, parseIdentities(clinic.identity), 1_000_000);
      expect(JSON.parse(Buffer.from(details).toString())).toMatchObject({ source });
    }
    await keepExample(`disaster-drill-postgresql-${major}.md`, report);
  });

  test("a restoration drill takes what is nearest to 30 days, says where it is not near, and knows the earlier one", async () => {
    const { end, report } = await drilled("restoration", "--of-age", "30d");
    expect(end.code, end.stderr + end.stdout).toBe(0);
    const document = JSON.parse(end.stdout) as {
      readonly sources: readonly {
        readonly source: { readonly name: string };
        readonly ageSeconds: number;
        readonly findings: readonly { readonly code: string }[];
      }[];
    };
    const seen = document.sources.map(({ source, ageSeconds, findings }) => [
      source.name,
      Math.round(ageSeconds / 86_400),
      findings.map(({ code }) => code),
    ]);
    // The server's own clock dates the database's backup, and it cannot be set back.
    expect(seen).toEqual([
      ["database", 0, ["drill-age-off"]],
      ["storage", 30, []],
      ["application", 30, []],
    ]);
    expect(report).toContain("The drilled backup is");
    expect(report).not.toMatch(insideNames);
    await keepExample(`restoration-drill-postgresql-${major}.md`, report);
    const again = await drilled("restoration", "--source", "storage");
    expect(again.end.code, again.end.stderr).toBe(0);
    expect(again.report).toMatch(/## Earlier drills\n\n\| Source \| When/);
  });

  test("a failing SQL check is exit 3, in words that name nothing from inside", async () => {
    const before = clinic.policy;
    clinic = { ...clinic, policy: before.replace('expect: "20000"', 'expect: "19999"') };
    const { end, report } = await drilled("restoration", "--source", "database");
    clinic = { ...clinic, policy: before };
    expect(end.code, end.stderr).toBe(3);
    expect(end.stderr).toContain("drill-failed");
    expect(report).toContain(`The policy's check "all are there" did not give what the policy expects.`);
    expect(report).not.toMatch(insideNames);
  });

  test("without a policy, or without the identity, nothing is begun", async () => {
    const none = await startRun({ temporary: clinic.folder }, [
      ...[bundle.cli, "drill", "disaster", "--store", pathToFileURL(join(clinic.folder, "store")).href],
    ]).ended;
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("--policy: is missing.");
    expect(none.stderr).toContain("--identity: is missing.");
  });
});

async function openClinic(major: (typeof majors)[number], bundle: BuiltBundle): Promise<Clinic> {
  // Short, because a throwaway server's socket lies below it; open, because that server runs as another user.
  const folder = await mkdtemp("/tmp/lbd-");
  await chmod(folder, 0o755);
  for (const name of ["store", "app", "t"]) await mkdir(join(folder, name), { mode: 0o755 });
  const server = await startServer(major);
  await server.createDatabase("clinic");
  await server.sql("clinic", rows);
  const storage = await startStorageServer();
  await storage.addBucket("ward-photos");
  await storage.addObject("ward-photos", { name: "x-ray-1.png", size: 1000, contentType: "image/png" });
  await storage.addObject("ward-photos", { name: "x-ray-2.png", size: 2000, contentType: "image/png" });
  const { fileText: identity, recipient } = await generateIdentity({
    postQuantum: false,
    created: new Date(0),
  });
  const { fileText: index } = await generateIdentity({ postQuantum: false, created: new Date(0) });
  const policy = `version: 1
recipients: [${recipient}]
stores:
  archive: { type: directory, path: ${join(folder, "store")} }
sources:
  database: { type: postgres, url: { secret: DATABASE_URL }, every: 1d, rpo: 1d, rto: 4h }
  storage: { type: supabase-storage, url: { secret: SUPABASE_URL }, key: { secret: SUPABASE_SECRET_KEY }, every: 7d, rpo: 60d, rto: 8h }
  application: { type: application, every: 7d, rpo: 60d, rto: 1h }
retention: { daily: 90d, weekly: 90d }
verify:
  checks:
    - { name: all are there, source: database, sql: "select count(*) from prescriptions", expect: "20000" }
    - { name: nobody gets nothing, sql: "select not exists (select from prescriptions where dosage <= 0)", expect: true }
waive: [signing, second-recipient]
`;
  await writeFile(join(folder, "lifeboat.yml"), policy);
  await writeFile(join(folder, "index.txt"), index, { mode: 0o600 });
  await writeFile(join(folder, "app/main.js"), "export const answer = 42;\n");
  const secrets = {
    DATABASE_URL: server.url("clinic"),
    SUPABASE_URL: storage.url,
    SUPABASE_SECRET_KEY: storage.secretKey,
  };
  return {
    folder,
    binDir: await wholeBinDir(major, folder),
    server,
    storage,
    identity,
    policy,
    lifeboat: (args, env = {}) =>
      startRun({ temporary: join(folder, "t") }, [bundle.cli, ...args], { ...secrets, ...env }).ended,
  };
}

async function backUpEverything({ folder, binDir, lifeboat }: Clinic): Promise<void> {
  const git = (...args: readonly string[]) =>
    promisify(execFile)("git", [
      "-C",
      join(folder, "app"),
      "-c",
      "user.name=A",
      "-c",
      "user.email=a@example.org",
      ...args,
    ]);
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "First");
  const old = { NODE_OPTIONS: `--import ${shiftedClock}`, TEST_CLOCK_SHIFT_MS: String(-30 * dayMs) };
  const policy = ["--policy", join(folder, "lifeboat.yml")];
  const ends = [
    await lifeboat(["backup", "database", ...policy, "--postgres-bin", binDir]),
    await lifeboat(["backup", "storage", ...policy, "--index-identity-file", join(folder, "index.txt")], old),
    await lifeboat(["backup", "application", ...policy, "--workspace", join(folder, "app")], old),
  ];
  for (const { code, stderr } of ends) expect(code, stderr).toBe(0);
}

/** docs/examples shows what really came out: LIFEBOAT_WRITE_EXAMPLES=1 renews it. */
async function keepExample(name: string, report: string): Promise<void> {
  if (process.env["LIFEBOAT_WRITE_EXAMPLES"] === undefined || !name.includes("postgresql-17")) return;
  const folder = join(repositoryRoot, "docs/examples");
  await mkdir(folder, { recursive: true });
  // Nobody's own user name, host or folder.
  const shown = report
    .replaceAll(/file:\/\/\/\S+?store/g, "file:///backups")
    .replaceAll(/\| By \| [^|]+ \|/g, "| By | operator@recovery |");
  await writeFile(join(folder, name), await format(shown, { filepath: name, printWidth: 110 }));
}
