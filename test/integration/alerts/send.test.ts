/** One way to tell people that fails never silences another. GitHub's answers are the only thing made up here. */
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { emailChannel } from "../../../src/alerts/email.ts";
import { type GitHubAnswer, politely, type SendToGitHub } from "../../../src/alerts/github-requests.ts";
import { issueBook } from "../../../src/alerts/issues.ts";
import { ping } from "../../../src/alerts/ping.ts";
import { webhookChannel } from "../../../src/alerts/webhook.ts";
import { LifeboatError } from "../../../src/errors.ts";
import { type Channels, endingOf, sendAlerts, sendPing } from "../../../src/operations/send-alerts.ts";
import { alert, findings, instantly } from "./alert.ts";
import { madeCertificate, right, startMailServer } from "./mail-server.ts";
import { startWebServer } from "./web-server.ts";

const { sleep } = instantly();
const { place } = alert;
const recoveries = new Map([["job:backup", "The job backup ended well."]]);
const sources = ["ledger-of-acme", "files"];

interface Issue {
  readonly number: number;
  body: string;
  state: string;
}

/** A repository's issues, as far as the monitor asks for them. */
function github(refusal: (route: string) => number | undefined = () => undefined) {
  const issues: Issue[] = [];
  const routes: string[] = [];
  const send: SendToGitHub = (route, { body, issue_number, state }) => {
    routes.push(route);
    const refused = refusal(route);
    const answer = (status: number, data: unknown): Promise<GitHubAnswer> =>
      Promise.resolve({ status, headers: {}, data });
    if (refused !== undefined) return answer(refused, { message: "Words of GitHub" });
    if (route === "POST /graphql") return answer(200, { data: { viewer: { login: "lifeboat[bot]" } } });
    if (route.startsWith("GET ")) {
      const open = issues.filter((issue) => issue.state === "open");
      return answer(
        200,
        open.map((issue) => ({ ...issue, user: { login: "lifeboat[bot]" } })),
      );
    }
    if (route.endsWith("/issues")) {
      issues.push({ number: issues.length + 1, body: String(body), state: "open" });
      return answer(201, {});
    }
    const issue = issues.find(({ number }) => number === issue_number);
    if (issue !== undefined && route.startsWith("PATCH ")) {
      if (typeof body === "string") issue.body = body;
      if (typeof state === "string") issue.state = state;
    }
    return answer(issue === undefined ? 404 : 200, {});
  };
  const ask = politely(send, { sleep });
  const repository = { owner: "acme", name: "app" };
  return {
    issues,
    routes,
    open: () => issueBook({ repository, labels: [], assignees: [], ask }),
    told: () => issues.map(({ body }) => /told=[\w:.,-]+/.exec(body)?.[0]),
  };
}

async function deadPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const email = (port: number): Channels["others"][number] => ({
  name: "email",
  open: () =>
    emailChannel({
      to: ["anna@acme.example"],
      from: "boat@acme.example",
      host: "127.0.0.1",
      port,
      isSecure: false,
      sleep,
    }),
});
const webhook = (url: string): Channels["others"][number] => ({
  name: "webhook",
  open: () => webhookChannel({ url, format: "plain", sleep }),
});
const summary = (reports: Awaited<ReturnType<typeof sendAlerts>>): unknown =>
  reports.map(({ channel, done, error }) => [channel, done, error?.code]);

interface Told {
  readonly problems: readonly { readonly key: string; readonly isNew: boolean }[];
  readonly recovered: readonly { readonly key: string }[];
}

const bothAreNew = findings.map(({ key }) => ({ key, isNew: true }));
const newsOf = (body: string): unknown =>
  (JSON.parse(body) as Told).problems.map(({ key, isNew }) => ({ key, isNew }));

describe("one way to tell people that fails", () => {
  test.each([
    ["refuses the token", 403, "The issues are not as they should be: GitHub refused with status 403."],
    ["is down", 502, "The issues are not as they should be: GitHub answered with status 502."],
  ])("silences no other: GitHub %s, the mail server is gone", async (_, status, words) => {
    await using server = await startWebServer(200);
    const hub = github(() => status);
    const channels = { issues: hub.open, others: [email(await deadPort()), webhook(server.url)] };
    const reports = await sendAlerts({ findings, recoveries }, channels, place, sources);
    expect(summary(reports)).toEqual([
      ["issues", "", "alert-failed"],
      ["email", "", "alert-failed"],
      ["webhook", "told", undefined],
    ]);
    expect(server.received.map(({ body }) => newsOf(body))).toEqual([bothAreNew]);
    const mail = "The e-mail could not be sent: the connection failed.";
    expect(endingOf({ findings: [] }, reports)).toMatchObject({
      code: "alert-failed",
      message: `${words} ${mail}`,
    });
    expect(endingOf({ findings }, reports)).toMatchObject({
      code: "backups-unwell",
      message: `${findings[0]!.publicSentence} ${words} ${mail}`,
    });
  });

  test("silences no other where its secret is missing, or where it ends in a way nobody thought of", async () => {
    await using server = await startWebServer(200);
    const missing = new LifeboatError(
      "policy-secret-missing",
      "The policy names what is not set: SMTP_HOST.",
    );
    const channels: Channels = {
      issues: () => {
        throw new TypeError("words of a stranger");
      },
      others: [
        {
          name: "email",
          open: () => {
            throw missing;
          },
        },
        webhook(server.url),
      ],
      ping: () => (kind) => ping(kind, { url: server.url, sleep }),
    };
    const reports = await sendAlerts({ findings, recoveries }, channels, place, sources);
    expect(summary(reports)).toEqual([
      ["issues", "", "alert-failed"],
      ["email", "", "policy-secret-missing"],
      ["webhook", "told", undefined],
    ]);
    expect(endingOf({ findings: [] }, reports)?.message).toBe(
      `A way to tell people ended unexpectedly. ${missing.message}`,
    );
    expect(summary(await sendPing("fail", channels.ping))).toEqual([["ping", "fail", undefined]]);
    expect(server.received.map(({ method, path }) => `${method ?? ""} ${path ?? ""}`)).toEqual([
      "POST /",
      "GET /fail",
    ]);
  });

  test("does not keep issues from being opened, and is told again by the next run", async () => {
    await using server = await startWebServer(404, 200);
    const hub = github();
    const channels = { issues: hub.open, others: [webhook(server.url)] };
    const run = () => sendAlerts({ findings, recoveries }, channels, place, sources);

    expect(summary(await run())).toEqual([
      ["issues", "2 opened", undefined],
      ["webhook", "", "alert-failed"],
    ]);
    expect(hub.told()).toEqual(["told=no", "told=no"]);

    const second = await run();
    expect(summary(second)).toEqual([
      ["issues", "nothing changed", undefined],
      ["webhook", "told", undefined],
    ]);
    expect(server.received.map(({ body }) => newsOf(body))).toEqual([bothAreNew, bothAreNew]);
    expect(hub.told()).toEqual(["told=yes", "told=yes"]);
    expect(endingOf({ findings: [] }, second)).toBeUndefined();

    expect(summary(await run())).toEqual([
      ["issues", "nothing changed", undefined],
      ["webhook", "nothing new to tell", undefined],
    ]);
    expect(server.received).toHaveLength(2);
  });

  test("leaves what is over open until everybody who was told of it hears that", async () => {
    await using server = await startWebServer(200, 503, 503, 503, 200);
    const hub = github();
    const channels = { issues: hub.open, others: [webhook(server.url)] };
    const run = (recovered: ReadonlyMap<string, string>) =>
      sendAlerts({ findings: findings.slice(1), recoveries: recovered }, channels, place, sources);
    await sendAlerts({ findings, recoveries }, channels, place, sources);

    const evidence = new Map([["source:ledger-of-acme", '"ledger-of-acme" is backed up again.']]);
    expect(summary(await run(evidence))).toContainEqual(["webhook", "", "alert-failed"]);
    expect(summary(await run(evidence))).toContainEqual(["webhook", "told", undefined]);
    const [, , , , last] = server.received;
    expect((JSON.parse(last!.body) as Told).recovered.map(({ key }) => key)).toEqual([
      "source:ledger-of-acme/backup-late",
    ]);
    expect(hub.issues.map(({ state }) => state)).toEqual(["closed", "open"]);
  });
});

describe("of two recipients the one who is refused", () => {
  const anna = "anna@acme.example";
  const bert = "bert@acme.example";
  const refused = (times: number): [number, string][] =>
    Array.from({ length: times }, () => [550, "5.1.1 is unknown here"]);

  async function mailing(refusals: number) {
    const certificate = await madeCertificate();
    const ofAnna = refused(refusals);
    const server = await startMailServer({ ...certificate }, { [anna]: ofAnna });
    const hub = github();
    const hearer = (recipient: string) => ({
      name: "email" as const,
      id: `email.${recipient.slice(0, 4)}`,
      open: () =>
        emailChannel({
          to: [anna, bert],
          recipients: [recipient],
          from: "boat@acme.example",
          host: "127.0.0.1",
          port: server.port,
          isSecure: false,
          login: right,
          authorities: certificate.cert,
          sleep,
        }),
    });
    const channels = { issues: hub.open, others: [hearer(anna), hearer(bert)] };
    const run = async (found: typeof findings, over: ReadonlyMap<string, string> = new Map()) => {
      server.mails.length = 0;
      const reports = await sendAlerts({ findings: found, recoveries: over }, channels, place, sources);
      return [server.mails.flatMap(({ to }) => to), summary(reports)];
    };
    const refuseOnce = () => ofAnna.push(...refused(1));
    return { hub, run, refuseOnce, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  }

  test("is asked again by the next run, and the other one is not mailed again", async () => {
    await using mailed = await mailing(2);
    const { hub, run } = mailed;
    const half = [
      ["issues", expect.any(String), undefined],
      ["email", "told 1 of 2", "alert-failed"],
    ];
    expect(await run(findings)).toEqual([[bert], half]);
    expect(hub.told()).toEqual(["told=but:email.anna", "told=but:email.anna"]);
    expect(await run(findings)).toEqual([
      [],
      [
        ["issues", "nothing changed", undefined],
        ["email", "", "alert-failed"],
      ],
    ]);
    expect(hub.told()).toEqual(["told=but:email.anna", "told=but:email.anna"]);
    expect(await run(findings)).toEqual([
      [anna],
      [
        ["issues", "nothing changed", undefined],
        ["email", "told", undefined],
      ],
    ]);
    expect(hub.told()).toEqual(["told=yes", "told=yes"]);
  });

  test("hears later that it is over, alone; until then the issue stays open, and what comes back is news for both", async () => {
    await using mailed = await mailing(0);
    const { hub, run, refuseOnce } = mailed;
    await run(findings);
    const [, still] = findings;
    const over = new Map([["source:ledger-of-acme", "It is backed up again."]]);
    refuseOnce();
    expect((await run([still!], over))[0]).toEqual([bert]);
    expect(hub.told()).toEqual(["told=over-but:email.anna", "told=yes"]);
    expect(hub.issues.map(({ state }) => state)).toEqual(["open", "open"]);
    expect((await run([still!], over))[0]).toEqual([anna]);
    expect(hub.issues.map(({ state }) => state)).toEqual(["closed", "open"]);

    await run(findings);
    refuseOnce();
    await run([still!], over);
    expect(hub.told().at(-1)).toBe("told=over-but:email.anna");
    expect((await run(findings))[0]).toEqual([anna, bert]);
    expect(hub.told().at(-1)).toBe("told=yes");
    expect(hub.issues).toHaveLength(3);
  });
});

describe("a ping that fails", () => {
  test("is in the report and makes the ending red", async () => {
    await using server = await startWebServer(404);
    const reports = await sendPing("success", () => (kind) => ping(kind, { url: server.url, sleep }));
    expect(summary(reports)).toEqual([["ping", "", "alert-failed"]]);
    expect(endingOf({ findings: [] }, reports)?.message).toBe(
      "The ping could not be delivered: the answer was status 404.",
    );
  });
});
