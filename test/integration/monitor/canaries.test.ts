/**
 * A public repository whose database, buckets and code have names that nobody may ever read outside of sealed files:
 * real backups and real checks, one of which fails, and then every way that the monitor has to tell people.
 */
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeGitHub, startFakeGitHub } from "../../fakes/github/index.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { majorsWithClients } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { madeCertificate, type MailServer, right, startMailServer } from "../alerts/mail-server.ts";
import { startWebServer, type WebServer } from "../alerts/web-server.ts";
import { type Checkout, openCheckout, type PolicyStepEnd } from "../policy/policy-step.ts";

const [major] = await majorsWithClients([15]);
if (major === undefined) console.warn("SKIPPED: no PostgreSQL 15, the monitor's canaries do not sing.");

/** In every name from inside: of schemas, tables, columns, buckets, objects, files, checks and commits. */
const canary = /kanari/i;

describe.skipIf(major === undefined)("of a public repository no name from inside reaches", () => {
  let checkout: Checkout;
  let github: FakeGitHub;
  let storage: StorageServer;
  let mail: MailServer;
  let hook: WebServer;
  const ends: PolicyStepEnd[] = [];
  let page: string;

  beforeAll(async () => {
    const server = await sharedServer(major!);
    await server.createDatabase("shop");
    await server.sql(
      "shop",
      `create schema kanari_schema;
       create table kanari_schema.kanari_table (id int primary key, kanari_column text);
       insert into kanari_schema.kanari_table values (1, 'kanari row');`,
    );
    storage = await startStorageServer();
    await storage.addBucket("kanari-bucket", {});
    await storage.addObject("kanari-bucket", {
      name: "kanari-object.png",
      size: 500,
      contentType: "image/png",
    });
    github = await startFakeGitHub();
    const certificate = await madeCertificate();
    mail = await startMailServer({ ...certificate });
    hook = await startWebServer(200);
    checkout = await openCheckout();
    const certificateFile = join(checkout.folder, "mail.pem");
    await writeFile(certificateFile, certificate.cert);
    await mkdir(join(checkout.workspace, "site"));
    await writeFile(join(checkout.workspace, "site/kanari-file.txt"), "kanari text");
    const git = (...args: readonly string[]): void => {
      const who = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
      execFileSync("git", [...who, ...args], { cwd: checkout.workspace });
    };
    git("init", "--quiet", "--initial-branch", "kanari-branch");
    git("add", ".");
    git("commit", "--quiet", "--message", "kanari commit");
    await checkout.policy(
      `stores: { near: { type: directory, path: ${await checkout.store("near")} } }
sources:
  database: { type: postgres, url: { secret: SHOP_URL }, every: 24h, rpo: 1d }
  files: { type: supabase-storage, url: { secret: PROJECT }, key: { secret: PROJECT_KEY }, every: 24h }
  code: { type: application, paths: [site], env: { secret: APP_ENV }, every: 24h }
retention: { daily: 30d, keep-at-least: 1 }
waive: [signing]
alerts: { issues: { labels: [backup] }, email: { to: ops@acme.example }, webhook: { url: { secret: HOOK }, format: plain }, ping: { secret: PING } }`,
    );
    const env = {
      ...{ SHOP_URL: server.url("shop"), PROJECT: storage.url, PROJECT_KEY: storage.serviceKey },
      ...{ APP_ENV: "KANARI_VARIABLE=kanari-value-5", GITHUB_REPOSITORY: github.repository },
      ...{ SMTP_HOST: "127.0.0.1", SMTP_PORT: String(mail.port), SMTP_USER: right.user },
      ...{ SMTP_PASS: right.password, NODE_EXTRA_CA_CERTS: certificateFile },
      ...{ HOOK: `${hook.url}/hook`, PING: `${hook.url}/ping`, GITHUB_API_URL: github.apiUrl },
    };
    const run = async (code: number, action: string, inputs: Readonly<Record<string, string>>) => {
      const end = await checkout.run(action, { inputs, env });
      expect(end.code, `${action}: ${end.published}`).toBe(code);
      ends.push(end);
    };
    const index = { "index-identity": checkout.identity };
    await run(0, "db-backup", { source: "database", tiers: "daily" });
    await damage(join(checkout.folder, "near/snapshots/database"));
    await run(0, "storage-backup", { source: "files", tiers: "daily", ...index });
    await run(0, "app-backup", { source: "code", tiers: "daily" });
    const key = { identity: checkout.identity, ledger: "store" };
    await run(3, "verify", { source: "database", level: "restored", ...key });
    await run(0, "verify", { source: "files", level: "unsealed", ...key });
    await run(0, "verify", { source: "code", level: "unsealed", ...key });
    await run(0, "prune", { ledger: "store" });
    const needs = {
      verify: {
        result: "failure",
        outputs: { ...ends[3]?.outputs, "record-kanari": "kanari", kanari: "kanari" },
      },
    };
    await run(3, "monitor", {
      ...{ send: "true", needs: JSON.stringify(needs), ledger: "store", "status-page": "page.html" },
      "github-token": github.token,
    });
    page = await readFile(join(checkout.workspace, "page.html"), "utf8");
  });
  afterAll(async () => {
    await checkout[Symbol.asyncDispose]();
    await Promise.all([github, mail, hook, storage].map((one) => one[Symbol.asyncDispose]()));
  });

  /** One byte in the middle of the part with the rows. */
  async function damage(folder: string): Promise<void> {
    const [name = ""] = (await readdir(folder, { recursive: true })).filter((one) =>
      one.endsWith("rest.zst.age"),
    );
    const file = join(folder, name);
    const bytes = await readFile(file);
    bytes[bytes.length - 40]! ^= 1;
    await writeFile(file, bytes);
  }

  test("the log, the summary, the outputs or the record of any step", () => {
    expect(ends).toHaveLength(8);
    for (const { published } of ends) expect(published).not.toMatch(canary);
  });

  test("an issue", () => {
    const { issues } = github.rest.issues;
    expect(issues.map(({ title }) => title).sort()).toEqual([
      'Lifeboat: "database": the newest backup failed its verification',
      'Lifeboat: "database": there is no good backup',
      "Lifeboat: job verify: a job failed",
    ]);
    expect(JSON.stringify(issues)).not.toMatch(canary);
  });

  test("an e-mail's subject, headers, text or HTML", () => {
    expect(mail.mails).toHaveLength(1);
    const [{ headers, parts }] = mail.mails as [MailServer["mails"][0]];
    expect(headers.get("subject")).toMatch(/^\[Lifeboat\] \S+: 3 problems \(/);
    expect([...headers, ...parts].join("\n")).not.toMatch(canary);
  });

  test("the webhook or the ping", () => {
    expect(hook.received.map(({ path }) => path)).toEqual(["/ping/start", "/hook", "/ping/fail"]);
    expect(JSON.stringify(hook.received)).not.toMatch(canary);
    expect(hook.received[1]?.body).toContain("verification-failed");
  });

  test("the status page", () => {
    expect(page).toContain("no good backup");
    for (const source of ["database", "files", "code"]) expect(page).toContain(`id="source-${source}"`);
    expect(page).not.toMatch(canary);
  });

  test("the ledger, evidence, snapshot.json, or the name of any file of the store", async () => {
    const near = join(checkout.folder, "near");
    const files = (await readdir(near, { recursive: true, withFileTypes: true })).filter((one) =>
      one.isFile(),
    );
    const paths = files.map(({ parentPath, name }) => join(parentPath, name));
    expect(paths.join("\n")).not.toMatch(canary);
    const readable = paths.filter((path) => path.endsWith(".json"));
    for (const family of ["ledger", "evidence", "snapshots"]) {
      expect(readable.filter((path) => path.includes(`/${family}/`)).length, family).toBeGreaterThan(2);
    }
    for (const path of readable) expect(await readFile(path, "utf8"), path).not.toMatch(canary);
  });
});
