import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { projectRestoreError } from "../../../src/actions/restore/report-project.ts";
import { renderSettingsDiff } from "../../../src/operations/render-settings-diff.ts";
import {
  type FakeProject,
  type ManagementServer,
  putFunction,
  startManagementServer,
} from "../../fakes/management/index.ts";
import { bundle, canaries, fill, type Harbour, newRef, oldRef, openHarbour } from "./projects.ts";

let server: ManagementServer;
let harbour: Harbour;
let source: FakeProject;
let target: FakeProject;
beforeEach(async () => {
  server = await startManagementServer();
  harbour = await openHarbour(server);
  source = server.addProject(oldRef);
  fill(source);
  target = server.addProject(newRef);
  await harbour.backUp();
  server.requests.length = 0;
});
afterEach(async () => {
  await harbour[Symbol.asyncDispose]();
  await server.close();
});

const writes = (): readonly string[] => server.requests.filter((request) => !request.startsWith("GET "));
/** What a person does before the settings: without the secret, the API refuses the provider. */
const enterSecrets = (): void =>
  void Object.assign(target.auth, {
    external_google_secret: canaries.googleSecret,
    smtp_pass: canaries.smtpPass,
  });

describe("a dry run", () => {
  it("shows for each setting what is and what would be, no secret, and changes nothing", async () => {
    Object.assign(target.auth, { site_url: "http://localhost:3000", smtp_pass: "another" });
    const report = await harbour.restore({ dryRun: true, confirm: undefined });
    const text = renderSettingsDiff(report);
    for (const line of [
      `  - site_url: "http://localhost:3000" → "https://${canaries.host}"`,
      "  - max_rows: 1000 → 500",
      "  - features.imageTransformation.enabled: false → true",
      "  - default_pool_size: null → 25",
      '  - dbAllowedCidrs: ["0.0.0.0/0"] → ["198.51.100.0/24","203.0.113.7/32"]',
      "  - database: false → true",
      `  - ${canaries.thirdParty}: not set → {"oidc_issuer_url":"${canaries.thirdParty}"}`,
      "  - auth, smtp_pass: a secret: the API returns a digest, not the value; enter it again unless it is there already",
      `  - secrets, ${canaries.secret}: a secret whose value the API does not return: enter it again`,
      "  - auth, saml_allow_encrypted_assertions: the API does not take it back",
      "  - data-api, jwt_secret: each project has its own",
      "  - add-ons, pitr_7: add-ons cost money: choose them in the dashboard",
      "  - vanity-subdomain, canary-vanity.supabase.co: it is taken as long as the old project has it: activate it by the dashboard or the CLI",
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    expect(text).toMatch(/mailer_templates_invite_content: null → "<h1>.*… \(\d+ characters\)/);
    expect(text).toMatch(new RegExp(`- ${canaries.function}: not set → "body with SHA-256 [0-9a-f]{64}"`));
    const secrets = [
      canaries.secretValue,
      canaries.googleSecret,
      canaries.smtpPass,
      "another",
      "jwt-secret-of",
    ];
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/smtp_pass: .*[0-9a-f]{64}/);
    expect(writes()).toEqual([]);
  });
});

describe("a restore", () => {
  it("writes nothing unless the project's ref was typed", async () => {
    await expect(harbour.restore({ confirm: undefined })).rejects.toMatchObject({ code: "confirm-needed" });
    await expect(harbour.restore({ confirm: oldRef })).rejects.toMatchObject({ code: "confirm-mismatch" });
    expect(writes()).toEqual([]);
  });

  it("performs the plan that was shown, and no other", async () => {
    const { planHash } = await harbour.restore({ dryRun: true });
    target.auth["site_url"] = "https://changed.example";
    await expect(harbour.restore({ planHash })).rejects.toMatchObject({ code: "plan-outdated" });
    expect(writes()).toEqual([]);
    const again = await harbour.restore({ dryRun: true });
    enterSecrets();
    expect((await harbour.restore({ planHash: again.planHash })).done?.notWritten).toEqual([]);
  });

  it("brings every setting back that the API takes, functions byte for byte, and then has nothing left to do", async () => {
    enterSecrets();
    const report = await harbour.restore();
    expect(report.done?.notWritten).toEqual([]);
    expect(projectRestoreError(report)).toBeUndefined();
    for (const [slug, { bytes, listing }] of source.functions) {
      const there = target.functions.get(slug)!;
      expect(there.bytes.equals(bytes)).toBe(true);
      expect(there.listing).toMatchObject({ verify_jwt: listing["verify_jwt"], name: slug });
    }
    expect(target.dataApi).toEqual({ ...source.dataApi, jwt_secret: `jwt-secret-of-${newRef}` });
    expect(target.auth).toEqual({ ...source.auth, saml_allow_encrypted_assertions: null });
    expect(target.storage).toEqual(source.storage);
    expect(target.realtime).toEqual(source.realtime);
    expect(target.postgres).toEqual(source.postgres);
    expect(target.pooler).toEqual(source.pooler);
    expect(target.ssl).toBe(true);
    expect(target.network.dbAllowedCidrs.toSorted()).toEqual(source.network.dbAllowedCidrs.toSorted());
    expect(target.thirdParties.map((one) => one["oidc_issuer_url"])).toEqual([canaries.thirdParty]);

    server.requests.length = 0;
    const second = await harbour.restore({ confirm: undefined });
    expect(second.diff.changes).toEqual([]);
    expect(renderSettingsDiff(second)).toContain("Nothing to write: the project has all of it.");
    expect(second.done).toMatchObject({ written: [], notWritten: [] });
    expect(writes()).toEqual([]);
  });

  it("never writes a digest where a secret belongs", async () => {
    enterSecrets();
    target.auth["smtp_pass"] = "the new project's own";
    await harbour.restore();
    expect(target.auth["smtp_pass"]).toBe("the new project's own");
    expect(target.auth["external_google_secret"]).toBe(canaries.googleSecret);
    expect([...target.secrets.keys()]).toEqual(["SUPABASE_URL"]);
  });

  it("into the project it came from asks for no secret that is there, and puts one setting back alone", async () => {
    source.dataApi["max_rows"] = 1;
    const report = await harbour.restore({ api: harbour.api(oldRef), confirm: oldRef });
    expect(report.diff.byHand).toEqual([]);
    expect(report.done?.written).toEqual([{ setting: "data-api", fields: ["max_rows"] }]);
    expect(writes()).toEqual([`PATCH /v1/projects/${oldRef}/postgrest`]);
    expect(source.dataApi["max_rows"]).toBe(500);
  });

  it("names what the API refused, and writes the rest of the same settings", async () => {
    const report = await harbour.restore();
    expect(report.done?.notWritten).toEqual([
      {
        setting: "auth",
        fields: ["external_google_client_id", "external_google_enabled"],
        reason: "the API refused it with status 400",
        inside: "external_google_secret is required",
      },
    ]);
    expect(projectRestoreError(report)).toMatchObject({
      code: "project-settings-incomplete",
      exitCode: 1,
      message: expect.stringContaining("2 settings were not taken (auth)") as string,
    });
    expect(target.auth).toMatchObject({
      site_url: `https://${canaries.host}`,
      smtp_user: "mailer",
      jwt_exp: 7200,
    });
    enterSecrets();
    expect((await harbour.restore()).done?.written).toEqual([
      { setting: "auth", fields: ["external_google_client_id", "external_google_enabled"] },
    ]);
  });

  it("says so where the API takes a value and keeps its own", async () => {
    enterSecrets();
    server.faults.add({
      matches: `PUT /v1/projects/${newRef}/ssl`,
      effect: { kind: "status", status: 200, body: {} },
    });
    const { done } = await harbour.restore();
    const reason = "the API took it, but the project has another value";
    expect(done?.notWritten).toEqual([{ setting: "ssl-enforcement", fields: ["database"], reason }]);
  });

  it("counts what is there, not the answers: one that was lost after the work is no failure", async () => {
    enterSecrets();
    const fault = { times: 1, effect: { kind: "drop-answer" } } as const;
    server.faults.add({ matches: `POST /v1/projects/${newRef}/functions`, ...fault });
    const { done } = await harbour.restore();
    expect(done?.notWritten).toEqual([]);
    expect(done?.written.flatMap(({ fields }) => fields)).toContain(canaries.function);
  });

  it("stops writing where the API is gone, and says what was not tried", async () => {
    enterSecrets();
    server.faults.add({ matches: "PATCH", effect: { kind: "status", status: 503 } });
    const { done } = await harbour.restore();
    const reasons = new Map(done?.notWritten.map(({ setting, reason }) => [setting, reason]));
    expect(reasons.get("auth")).toContain("status 503");
    expect(reasons.get("network-restrictions")).toBe("not tried, because the API could not be asked before");
    expect(reasons.get("functions")).toContain("could not be asked afterwards");
    expect(target.ssl).toBe(false);
  });

  it("adds a third party by what it was made from, and never one that is there in another spelling", async () => {
    enterSecrets();
    const [third] = source.thirdParties;
    target.thirdParties.push({ ...third, id: "theirs", oidc_issuer_url: `${canaries.thirdParty}/` });
    source.thirdParties.push({
      ...third,
      id: "keys",
      oidc_issuer_url: null,
      jwks_url: null,
      custom_jwks: { keys: [] },
    });
    source.thirdParties.push({ ...third, id: "slash", oidc_issuer_url: "https://slash.example/" });
    const { id } = (await harbour.backUp()).snapshot;
    const { done } = await harbour.restore({ choice: { kind: "id", id } });
    expect(done?.notWritten).toEqual([]);
    expect(target.thirdParties.map((one) => one["custom_jwks"] ?? one["oidc_issuer_url"])).toEqual([
      `${canaries.thirdParty}/`,
      { keys: [] },
      "https://slash.example/",
    ]);
  });

  it("replaces a function of that slug, and leaves others alone", async () => {
    enterSecrets();
    putFunction(target, "second", { listing: { verify_jwt: true }, bytes: bundle("other", 10) });
    putFunction(target, "theirs", { bytes: bundle("theirs", 10) });
    const { done, diff } = await harbour.restore();
    expect(done?.notWritten).toEqual([]);
    expect(target.functions.get("second")).toMatchObject({ listing: { verify_jwt: false } });
    expect(target.functions.get("second")!.bytes.equals(bundle("two", 10))).toBe(true);
    expect(target.functions.get("theirs")!.bytes.equals(bundle("theirs", 10))).toBe(true);
    const reason = "not in the backup; it is left alone";
    expect(diff.byHand).toContainEqual({ setting: "functions", what: "theirs", reason });
  });

  it("writes nothing over what it cannot read", async () => {
    server.faults.add({
      matches: `GET /v1/projects/${newRef}/postgrest`,
      effect: { kind: "status", status: 403 },
    });
    enterSecrets();
    const { diff } = await harbour.restore();
    expect(diff.changes.some(({ setting }) => setting === "data-api")).toBe(false);
    expect(diff.byHand).toContainEqual({
      setting: "data-api",
      what: "all of it",
      reason: "it cannot be read now (status 403), so nothing is written over it",
    });
    expect(target.dataApi["max_rows"]).toBe(1000);
  });

  it("unsets what the API can unset, and says what it cannot", async () => {
    enterSecrets();
    await harbour.restore();
    source.auth["smtp_host"] = null;
    source.dataApi["db_pool"] = null;
    target.dataApi["db_pool"] = 20;
    source.postgres = { statement_timeout: "30s" };
    // Both were taken within a second, so that neither is surely the latest.
    const { id } = (await harbour.backUp()).snapshot;
    const { diff, done } = await harbour.restore({ choice: { kind: "id", id } });
    expect(diff.changes.map(({ field, wanted }) => [field, wanted])).toEqual([
      ["smtp_host", null],
      ["max_connections", undefined],
    ]);
    expect(done?.notWritten).toEqual([]);
    expect(target.auth["smtp_host"]).toBeNull();
    expect(target.postgres).toEqual({ statement_timeout: "30s" });
    expect(diff.byHand).toContainEqual({
      setting: "data-api",
      what: "db_pool",
      reason: "not set in the backup, and the API cannot unset it",
    });
  });
});
