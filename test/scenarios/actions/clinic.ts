/** A hospital's database, its server, a fake GitHub and the keys: what every scenario here starts from. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Fingerprint, fingerprint } from "../../../scripts/demo-comparison.ts";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { type FakeGitHub, startFakeGitHub } from "../../fakes/github/index.ts";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";

/** Also `restored` needs the server's programs beside the clients'. */
export const [major] = await majorsWithClients([15]);
if (major === undefined) console.warn("SKIPPED: no PostgreSQL 15, the actions' scenarios do not run.");

/** Names that must not leave sealed files in a public repository. */
export const insideNames = /clinic|patients|visits|readings|full_name|invoice_numbers|own_ward/;

export interface Clinic extends AsyncDisposable {
  readonly server: TestServer;
  readonly github: FakeGitHub;
  readonly identity: string;
  readonly recipient: string;
}

export async function openClinic(): Promise<Clinic> {
  const server = await startServer(major!);
  await createClinic(server, "clinic_db");
  const github = await startFakeGitHub();
  const { fileText: identity, recipient } = await generateIdentity({
    postQuantum: false,
    created: new Date("2026-11-23T03:12:07Z"),
  });
  return {
    server,
    github,
    identity,
    recipient,
    [Symbol.asyncDispose]: async () => {
      await github.close();
      await server.stop();
    },
  };
}

export async function createClinic(server: TestServer, name: string): Promise<void> {
  await server.createDatabase(name);
  await server.sql(name, await readFile(join(import.meta.dirname, "clinic.sql"), "utf8"));
}

export function fingerprintOf(server: TestServer, database: string): Promise<Fingerprint> {
  return fingerprint({ host: server.socketDir, port: server.port, user: server.superuser, database });
}
