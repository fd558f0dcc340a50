/** The monitor as an action and as a command: the page that it writes, and what it refuses before it does anything. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { storeSmallSnapshot } from "../../support/small-snapshots.ts";
import { startWebServer } from "../alerts/web-server.ts";
import { type Checkout, openCheckout } from "../policy/policy-step.ts";

const hourMs = 3_600_000;
const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
let checkout: Checkout;
let store: Store;

beforeEach(async () => {
  checkout = await openCheckout();
  const near = await checkout.store("near");
  store = openStore({ kind: "directory", path: near }, { clock: systemClock, logger: silentLogger });
  await policy();
  return () => checkout[Symbol.asyncDispose]();
});

const policy = (alerts = "issues: false") =>
  checkout.policy(
    `stores: { near: { type: directory, path: ${join(checkout.folder, "near")} } }
sources: { database: { type: postgres, url: { secret: DATABASE_URL }, every: 24h, rpo: 1d } }
retention: { daily: 30d }
waive: [signing]
alerts: { ${alerts} }`,
  );
const backUp = (hoursAgo: number) =>
  storeSmallSnapshot(store, {
    moment: new Date(Date.now() - hoursAgo * hourMs),
    recipients: parseRecipients(checkout.recipients, undefined),
    tiers: ["daily"],
  });
const pageIn = (path: string) => readFile(join(checkout.workspace, path), "utf8");

test("writes the page where nobody is told, in a folder that it makes, over the page before it", async () => {
  await backUp(2);
  const inputs = { send: "false", "status-page": "site/status/index.html" };
  const first = await checkout.run("monitor", { inputs });
  expect(first.code, first.published).toBe(0);
  const page = await pageIn("site/status/index.html");
  expect(page).toMatch(/<title>All is well – Backups of octo\/app<\/title>/);
  expect(page).toContain('id="source-database"');
  expect(first.summary).toContain("- ✅ status-page: written");

  await writeFile(join(checkout.workspace, "site/status/index.html"), "the one before");
  const second = await checkout.run("monitor", { inputs });
  expect(second.code, second.published).toBe(0);
  expect(await pageIn("site/status/index.html")).toContain("</html>");
  expect(await readdir(join(checkout.workspace, "site/status"))).toEqual(["index.html"]);
});

test("says in its summary how much would have been lost, measured against the objective", async () => {
  await backUp(32);
  await backUp(2);
  const good = await checkout.run("monitor", { inputs: { send: "false" } });
  expect(good.summary).toMatch(
    /### Recovery point and time\n\n- ⚠️ database: worst gap in 30 days 1d6h, median 1d6h; objective 1d\. Recovery time: not measured by a drill; objective 4h\./,
  );
});

test("shows the worst problem first", async () => {
  await backUp(9 * 24);
  const inputs = { send: "false", needs: JSON.stringify({ backup: { result: "failure" } }) };
  const { summary, code } = await checkout.run("monitor", { inputs });
  expect(code).toBe(3);
  const problems = [...summary.matchAll(/^- (❌|⚠️) \[/gm)].map(([, level]) => level);
  expect(problems.length).toBeGreaterThan(2);
  expect(problems).toEqual([...problems].sort((one, other) => (one === other ? 0 : one === "❌" ? -1 : 1)));
});

test("is red where the page cannot be written, and has told everybody else before", async () => {
  await using hook = await startWebServer(200);
  await policy("issues: false, webhook: { url: { secret: HOOK }, format: plain }, ping: { secret: PING }");
  await backUp(2);
  await writeFile(join(checkout.workspace, "taken"), "a file where a folder should be");
  const needs = JSON.stringify({ backup: { result: "cancelled" } });
  const { code, outputs, summary, published } = await checkout.run("monitor", {
    inputs: { "status-page": "taken/index.html", needs, send: "true" },
    env: { HOOK: `${hook.url}/hook`, PING: `${hook.url}/ping` },
  });
  expect(code, published).toBe(3);
  expect(JSON.parse(outputs["failed-channels"] ?? "")).toEqual(["status-page"]);
  expect(summary).toMatch(/- ❌ status-page: The status page could not be written: (?:ENOTDIR|EEXIST)\./);
  expect(hook.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
    ...["GET /ping/start", "POST /hook", "GET /ping/fail"],
  ]);
  // Well, but without its page: not green either.
  const well = await checkout.run("monitor", {
    inputs: { "status-page": "taken/index.html" },
    env: { HOOK: hook.url, PING: hook.url },
  });
  expect(well.code, well.published).toBe(1);
});

describe("before anything is sent", () => {
  test.each(["status.txt", "status/", ".html", "status/.html"])("%s is refused as a page", async (path) => {
    const { code, summary } = await checkout.run("monitor", { inputs: { "status-page": path } });
    expect(code).toBe(2);
    expect(summary).toContain(
      `Input \`status-page\` is ${JSON.stringify(path)}: not the path of an .html file. Write for example status/index.html.`,
    );
  });

  test.each([
    ["webhook", { HOOK: "http://hooks.example/T000/secret-part", PING: "" }, "HOOK"],
    ["ping", { HOOK: "https://hooks.example", PING: "http://ping.example/secret-part" }, "PING"],
  ])("a %s over http:// is refused with its line in the policy", async (way, addresses, name) => {
    await using other = await startWebServer(200);
    await policy("issues: false,\n  webhook: { secret: HOOK },\n  ping: { secret: PING }");
    const env = Object.fromEntries(
      Object.entries(addresses).map(([key, value]) => [key, value === "" ? `${other.url}/ping` : value]),
    );
    const { code, published, leftInTemp } = await checkout.run("monitor", {
      inputs: { "status-page": "page.html" },
      env,
    });
    expect(code, published).toBe(2);
    const line = way === "webhook" ? 8 : 9;
    expect(published).toMatch(
      new RegExp(
        `\\.github/lifeboat\\.yml:${line}:\\d+: alerts\\.${way} names ${name}, which holds an http:// address`,
      ),
    );
    expect(published).not.toContain("secret-part");
    expect(other.received).toEqual([]);
    expect(leftInTemp).toEqual([]);
    await expect(pageIn("page.html")).rejects.toThrow("ENOENT");
  });
});

test("masks the SMTP user like the password", async () => {
  await policy("issues: false, email: { to: ops@acme.example }");
  const env = {
    ...{ SMTP_HOST: "127.0.0.1", SMTP_PORT: "not-a-port" },
    ...{ SMTP_USER: "AKIA-mail-user-7", SMTP_PASS: "pass-9-word" },
  };
  const { code, stdout } = await checkout.run("monitor", { env });
  expect(code).toBe(3);
  expect(stdout).toContain("::add-mask::AKIA-mail-user-7");
});

test("from a terminal writes the same page and prints the findings", async () => {
  await backUp(2);
  await mkdir(join(checkout.workspace, "out"));
  const args = ["monitor", "--json", "--status-page", "out/status.html"];
  const { stdout, code } = await new Promise<{ stdout: string; code: unknown }>((done) => {
    execFile(
      process.execPath,
      [cli, ...args],
      { cwd: checkout.workspace, env: { PATH: process.env["PATH"] } },
      (error, out) => {
        done({ stdout: out, code: error?.code ?? 0 });
      },
    );
  });
  expect([code, JSON.parse(stdout)]).toMatchObject([
    0,
    { well: true, told: [{ channel: "status-page", done: "written" }] },
  ]);
  expect(await pageIn("out/status.html")).toContain("<title>All is well – Backups</title>");
});
