/** The webhook and the ping against a real HTTP server; their addresses are secrets. */
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import type { HttpSettings } from "../../../src/alerts/http-post.ts";
import { ping, type PingKind } from "../../../src/alerts/ping.ts";
import { webhookChannel } from "../../../src/alerts/webhook.ts";
import { alert, failureOf, instantly } from "./alert.ts";
import { startWebServer } from "./web-server.ts";

const secret = "T0KEN-that-nobody-may-see";
const runbook = "https://github.example/acme/app/blob/HEAD/docs/runbook.md";

describe("the webhook", () => {
  test("gets one message for Slack, with its three characters of markup escaped", async () => {
    await using server = await startWebServer(200);
    await webhookChannel({ url: `${server.url}/services/${secret}?a=b`, format: "slack" }).tell(alert);
    expect(
      server.received.map(({ body, ...rest }) => ({ ...rest, body: JSON.parse(body) as unknown })),
    ).toEqual([
      {
        method: "POST",
        path: `/services/${secret}?a=b`,
        type: "application/json",
        body: {
          text: [
            "*acme/app: 2 problems (backup-late, keys-overdue)*",
            "",
            '🔴 *"ledger-of-acme": the last good backup is older than allowed*',
            'The last good backup of "ledger-of-acme" is older than &lt;24 h&gt; &amp; late.',
            `Start it – by hand. <${runbook}#backup-late|backup-late>`,
            "",
            '🟡 *"files": the keys are older than the policy wants*',
            "The keys are of last year.",
            `Rotate. <${runbook}#keys-overdue|keys-overdue>`,
            "",
            "🟢 Well again. The job backup ended well.",
            "",
            "<https://github.example/acme/app/actions/runs/7|The run>",
          ].join("\n"),
        },
      },
    ]);
  });

  test("gets a plain document that says what is new", async () => {
    await using server = await startWebServer(204);
    await webhookChannel({ url: `${server.url}/${secret}`, format: "plain" }).tell(alert);
    expect(server.received).toHaveLength(1);
    expect(server.received[0]).toMatchObject({
      method: "POST",
      path: `/${secret}`,
      type: "application/json",
    });
    expect(JSON.parse(server.received[0]!.body)).toEqual({
      version: 1,
      text: "acme/app: 2 problems (backup-late, keys-overdue)",
      repository: "acme/app",
      run: "https://github.example/acme/app/actions/runs/7",
      problems: [
        {
          key: "source:ledger-of-acme/backup-late",
          code: "backup-late",
          level: "error",
          subject: { kind: "source", name: "ledger-of-acme" },
          sentences: ['The last good backup of "ledger-of-acme" is older than <24 h> & late.'],
          remedy: "Start it – by hand.",
          runbook: `${runbook}#backup-late`,
          isNew: true,
        },
        {
          key: "source:files/keys-overdue",
          code: "keys-overdue",
          level: "warning",
          subject: { kind: "source", name: "files" },
          sentences: ["The keys are of last year."],
          remedy: "Rotate.",
          runbook: `${runbook}#keys-overdue`,
          isNew: false,
        },
      ],
      recovered: [{ key: "job:backup/job-failed", evidence: "The job backup ended well." }],
    });
  });
});

describe("the ping", () => {
  test.each([
    ["start", "/start"],
    ["success", ""],
    ["fail", "/fail"],
  ] as const)("of a %s is a GET with its own path", async (kind, path) => {
    await using server = await startWebServer(200);
    await ping(kind, { url: `${server.url}/ping/${secret}` });
    await ping(kind, { url: `${server.url}/ping/${secret}?create=1` });
    expect(server.received).toEqual([
      { method: "GET", path: `/ping/${secret}${path}`, type: undefined, body: "" },
      { method: "GET", path: `/ping/${secret}${path}?create=1`, type: undefined, body: "" },
    ]);
  });

  test("of an address that ends in a slash has one slash before its path", async () => {
    await using server = await startWebServer(200);
    await ping("fail", { url: `${server.url}/ping/${secret}/` });
    expect(server.received.map(({ path }) => path)).toEqual([`/ping/${secret}/fail`]);
  });
});

type Send = (settings: HttpSettings) => Promise<void>;
const pingOf =
  (kind: PingKind): Send =>
  (settings) =>
    ping(kind, settings);

describe.each<[string, string, Send]>([
  [
    "the webhook",
    "message to the webhook",
    (settings) => webhookChannel({ ...settings, format: "slack" }).tell(alert),
  ],
  ["a ping", "ping", pingOf("success")],
  ["a ping with a path of its own", "ping", pingOf("start")],
])("%s", (_, what, send) => {
  /** How often the server was asked, after which waits, and what was said of it in the end. */
  async function outcome(url: string, settings: Partial<HttpSettings> = {}) {
    const { waits, sleep } = instantly();
    const { error, sentence, inPublic, inFull } = await failureOf(
      send({ url: `${url}/${secret}`, sleep, ...settings }),
    );
    expect(error.code).toBe("alert-failed");
    expect(inPublic).not.toContain(secret);
    expect(inFull).not.toContain(secret);
    return { waits, sentence };
  }

  test.each([408, 429, 500, 503])("is tried again after status %i", async (status) => {
    await using server = await startWebServer(status, status, 200);
    const { waits, sleep } = instantly();
    await send({ url: `${server.url}/${secret}`, sleep });
    expect(waits).toEqual([1000, 2000]);
    expect(server.received).toHaveLength(3);
    expect(server.received[2]).toEqual(server.received[0]);
  });

  test("waits as long as it is asked to, but no longer than a minute", async () => {
    const later = (seconds: string) => (response: ServerResponse) =>
      response.writeHead(429, { "retry-after": seconds }).end();
    await using server = await startWebServer(later("7"), later("61"));
    expect(await outcome(server.url)).toEqual({
      waits: [7000],
      sentence: `The ${what} could not be delivered: the answer was status 429.`,
    });
    expect(server.received).toHaveLength(2);
  });

  test("gives up after three tries", async () => {
    await using server = await startWebServer(500);
    expect(await outcome(server.url)).toEqual({
      waits: [1000, 2000],
      sentence: `The ${what} could not be delivered: the answer was status 500.`,
    });
    expect(server.received).toHaveLength(3);
  });

  test.each([400, 403, 404, 410])("is refused at once by status %i", async (status) => {
    await using server = await startWebServer(status);
    expect(await outcome(server.url)).toEqual({
      waits: [],
      sentence: `The ${what} could not be delivered: the answer was status ${status}.`,
    });
    expect(server.received).toHaveLength(1);
  });

  test.each([301, 302, 303, 307, 308])("does not follow a redirect by status %i", async (status) => {
    await using elsewhere = await startWebServer(200);
    await using server = await startWebServer((response) => {
      response.writeHead(status, { location: `${elsewhere.url}/${secret}` }).end();
    });
    expect(await outcome(server.url)).toEqual({
      waits: [],
      sentence: `The ${what} could not be delivered: the answer was status ${status}.`,
    });
    expect(server.received).toHaveLength(1);
    expect(elsewhere.received).toEqual([]);
  });

  test("gives up on a server that never answers", async () => {
    await using server = await startWebServer(() => undefined);
    expect(await outcome(server.url, { answerWithinMs: 100 })).toEqual({
      waits: [1000, 2000],
      sentence: `The ${what} could not be delivered: nobody answered in time.`,
    });
    expect(server.received).toHaveLength(3);
  });

  test("is delivered to a server that answers and never ends its answer", async () => {
    await using server = await startWebServer((response) => {
      response.writeHead(200).write("and");
    });
    await send({ url: `${server.url}/${secret}` });
    expect(server.received).toHaveLength(1);
  });

  test("keeps its address for itself when the connection is closed on it, or nobody listens", async () => {
    const server = await startWebServer((response) => response.destroy());
    const closed = await outcome(server.url);
    await server[Symbol.asyncDispose]();
    expect([closed, await outcome(server.url)]).toEqual(
      Array(2).fill({
        waits: [1000, 2000],
        sentence: `The ${what} could not be delivered: nobody answered in time.`,
      }),
    );
    expect(server.received).toHaveLength(3);
  });

  test.each([
    "",
    "hooks.example",
    "ftp://hooks.example",
    "http://hooks .example",
    "https://hooks.example:99999",
  ])("keeps what is no address (%j) for itself", async (url) => {
    expect(await outcome(url)).toEqual({
      waits: [],
      sentence: `The ${what} could not be delivered: its address is no https:// address.`,
    });
  });

  test.each(["http://hooks.example", "HTTP://10.0.0.7:8080", "http://127.0.0.1.hooks.example"])(
    "does not go to %s, where everybody on the way could read it",
    async (url) => {
      expect(await outcome(url)).toEqual({
        waits: [],
        sentence: `The ${what} could not be delivered: its address is an http:// one, which everybody on the way can read.`,
      });
    },
  );

  test("keeps the user and the password in its address for itself", async () => {
    await using server = await startWebServer(200);
    const url = server.url.replace("http://", `http://user:${secret}@`);
    expect(await outcome(url)).toEqual({
      waits: [],
      sentence: `The ${what} could not be delivered: its address has a user or a password in it.`,
    });
    expect(server.received).toEqual([]);
  });
});
