/** A project with something in every setting, and backups and restores of it. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ApplicationBackupReport,
  backUpApplication,
} from "../../../src/operations/back-up-application.ts";
import {
  type ProjectRestoreReport,
  type ProjectRestoreRequest,
  restoreProjectSettings,
} from "../../../src/operations/restore-project-settings.ts";
import { verifySnapshot } from "../../../src/operations/verify-snapshot.ts";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { ManagementApi, type ManagementOptions } from "../../../src/supabase/management-api.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { type FakeProject, type ManagementServer, putFunction } from "../../fakes/management/index.ts";

export const oldRef = "oldprojectabcdefghij";
export const newRef = "newprojectabcdefghij";

/** Names that must never be seen in public, each in another kind of setting. */
export const canaries = {
  function: "canary-function",
  secret: "CANARY_SECRET_NAME",
  secretValue: "canary-secret-value",
  googleSecret: "canary-google-secret",
  smtpPass: "canary-smtp-pass",
  host: "canary.example",
  thirdParty: "https://canary-issuer.example",
  source: "canary-source-line",
} as const;

/** Bytes that no text survives. */
export function bundle(seed: string, size: number): Buffer {
  const pieces: Buffer[] = [Buffer.from("ESZIP2.3")];
  for (let at = 0; at < size; at += 32) pieces.push(createHash("sha256").update(`${seed} ${at}`).digest());
  return Buffer.concat([...pieces, Buffer.from(canaries.source)]);
}

export function fill(project: FakeProject): void {
  Object.assign(project.auth, {
    site_url: `https://${canaries.host}`,
    uri_allow_list: `https://${canaries.host}/**`,
    jwt_exp: 7200,
    disable_signup: true,
    mailer_templates_invite_content: `<h1>Welcome to ${canaries.host}</h1>`.repeat(200),
    external_google_enabled: true,
    external_google_client_id: "google-client",
    external_google_secret: canaries.googleSecret,
    smtp_host: `mail.${canaries.host}`,
    smtp_user: "mailer",
    smtp_pass: canaries.smtpPass,
    saml_allow_encrypted_assertions: true,
  });
  Object.assign(project.dataApi, { db_schema: "public,api", max_rows: 500 });
  Object.assign(project.storage, { fileSizeLimit: 104_857_600 });
  Object.assign((project.storage["features"] as Record<string, unknown>)["imageTransformation"] as object, {
    enabled: true,
  });
  Object.assign(project.realtime, { private_only: true, max_concurrent_users: 300 });
  project.postgres = { statement_timeout: "30s", max_connections: 120 };
  project.pooler["default_pool_size"] = 25;
  project.network = {
    dbAllowedCidrs: ["203.0.113.7/32", "198.51.100.0/24"],
    dbAllowedCidrsV6: ["2001:db8::/32"],
  };
  project.ssl = true;
  project.secrets.set(canaries.secret, canaries.secretValue).set("SECOND", "x");
  project.thirdParties.push({
    id: "tpa",
    type: "oidc",
    oidc_issuer_url: canaries.thirdParty,
    jwks_url: `${canaries.thirdParty}/jwks`,
    inserted_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
  });
  project.addOns.push({
    type: "pitr",
    variant: {
      id: "pitr_7",
      name: "7 days",
      price: { description: "", type: "fixed", interval: "monthly", amount: 100 },
    },
  });
  project.vanity = "canary-vanity.supabase.co";
  putFunction(project, canaries.function, {
    listing: { verify_jwt: true, entrypoint_path: "file:///src/index.ts", import_map: false },
    bytes: bundle("one", 300_000),
    contentType: "application/vnd.denoland.eszip",
  });
  putFunction(project, "second", { listing: { verify_jwt: false }, bytes: bundle("two", 10) });
}

const key = await generateIdentity({ postQuantum: false, created: new Date(0) });
export const identities = parseIdentities(key.fileText);
const recipients = parseRecipients([key.recipient]);

export interface Harbour extends AsyncDisposable {
  readonly folder: string;
  /** Milliseconds that were waited instead of slept. */
  readonly waits: number[];
  api(ref: string, options?: Partial<ManagementOptions>): ManagementApi;
  backUp(ref?: string): Promise<ApplicationBackupReport>;
  restore(more?: Partial<ProjectRestoreRequest>): Promise<ProjectRestoreReport>;
  verify(level: "unsealed" | "restored"): ReturnType<typeof verifySnapshot>;
  around(): Parameters<typeof backUpApplication>[1] & { readonly zstd: string };
}

export async function openHarbour(server: ManagementServer): Promise<Harbour> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-project-"));
  await mkdir(join(folder, "store"));
  const waits: number[] = [];
  const around = () => ({
    store: directoryStore({ path: join(folder, "store"), clock: systemClock, logger: silentLogger }),
    clock: systemClock,
    logger: silentLogger,
    lifeboatVersion: "0.0.0-test",
    zstd: "zstd",
    signal: new AbortController().signal,
  });
  const api = (project: string, options: Partial<ManagementOptions> = {}): ManagementApi =>
    new ManagementApi(
      { apiUrl: server.url, project, token: server.token },
      {
        logger: silentLogger,
        random: () => 0,
        sleep: (milliseconds) => {
          waits.push(milliseconds);
          return Promise.resolve();
        },
        ...options,
      },
    );
  const never = () => Promise.reject(new Error("an application needs no PostgreSQL"));
  return {
    folder,
    waits,
    api,
    around,
    backUp: (ref = oldRef) =>
      backUpApplication(
        {
          source: "application",
          tiers: ["daily"],
          recipients,
          signingKey: undefined,
          workspace: folder,
          bundlesRepository: false,
          paths: [],
          config: [],
          exclude: [],
          environment: undefined,
          settings: undefined,
          project: api(ref),
        },
        around(),
      ),
    restore: (more = {}) =>
      restoreProjectSettings(
        {
          source: "application",
          choice: { kind: "latest" },
          identities,
          api: api(newRef),
          confirm: newRef,
          dryRun: false,
          planHash: undefined,
          ...more,
        },
        around(),
      ),
    verify: (level) =>
      verifySnapshot(
        {
          source: "application",
          choice: { kind: "latest" },
          level,
          identities,
          waive: [],
          signer: undefined,
          server: undefined,
          jobs: 1,
        },
        {
          ...around(),
          temporaryFolder: folder,
          clientTools: never,
          serverPrograms: never,
          extensionPackages: never,
        },
      ),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
