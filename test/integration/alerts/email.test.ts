/** The channel e-mail against a real SMTP server with a certificate of its own. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { emailChannel, type EmailSettings } from "../../../src/alerts/email.ts";
import { alert, failureOf, instantly } from "./alert.ts";
import { type Certificate, madeCertificate, right, startMailServer } from "./mail-server.ts";

let certificate: Certificate;
beforeAll(async () => {
  certificate = await madeCertificate();
});

const anna = "anna@acme.example";
const bert = "bert@acme.example";

function channelTo(port: number, settings: Partial<EmailSettings> = {}) {
  const { waits, sleep } = instantly();
  const channel = emailChannel({
    to: [anna],
    from: "Lifeboat <boat@acme.example>",
    host: "127.0.0.1",
    port,
    isSecure: false,
    login: right,
    authorities: certificate.cert,
    sleep,
    ...settings,
  });
  return { waits, tell: () => channel.tell(alert) };
}

describe("an e-mail", () => {
  test.each([
    ["TLS from the first byte", true],
    ["STARTTLS", false],
  ])("is delivered once over %s, with the problems as text and as HTML", async (_, isSecure) => {
    await using server = await startMailServer({ secure: isSecure, ...certificate });
    await channelTo(server.port, { isSecure }).tell();
    expect(server.mails).toHaveLength(1);
    const [{ headers, parts, ...envelope }] = server.mails as [(typeof server.mails)[0]];
    expect(envelope).toEqual({ from: "boat@acme.example", to: [anna], isSecure: true });
    expect(server.logins).toEqual([`${right.user}:${right.password}`]);
    expect(headers.get("from")).toBe("Lifeboat <boat@acme.example>");
    expect(headers.get("to")).toBe(anna);
    expect(headers.get("message-id")).toMatch(/^<.+@acme\.example>$/);
    expect(Date.parse(headers.get("date") ?? "")).not.toBeNaN();
    // Codes and the repository, which the address of the run tells as well; of sources, tables and files nothing.
    expect(headers.get("subject")).toBe("[Lifeboat] acme/app: 2 problems (backup-late, keys-overdue)");
    expect(parts.get("text/plain")).toBe(
      [
        "acme/app: 2 problems (backup-late, keys-overdue)",
        "",
        'ERROR  "ledger-of-acme": the last good backup is older than allowed',
        'The last good backup of "ledger-of-acme" is older than <24 h> & late.',
        "What to do: Start it – by hand.",
        "https://github.example/acme/app/blob/HEAD/docs/runbook.md#backup-late",
        "",
        'WARNING  "files": the keys are older than the policy wants',
        "The keys are of last year.",
        "What to do: Rotate.",
        "https://github.example/acme/app/blob/HEAD/docs/runbook.md#keys-overdue",
        "",
        "WELL AGAIN  The job backup ended well.",
        "",
        "The run: https://github.example/acme/app/actions/runs/7",
      ].join("\n"),
    );
    const html = parts.get("text/html") ?? "";
    expect(html).toContain(
      "<li>The last good backup of &quot;ledger-of-acme&quot; is older than &lt;24 h&gt; &amp; late.</li>",
    );
    expect(html).toContain(
      `What to do: Start it – by hand. <a href="https://github.example/acme/app/blob/HEAD/docs/runbook.md#backup-late">`,
    );
    expect(html).toContain("<strong>Well again.</strong> The job backup ended well.");
    expect(html).toContain(`<a href="https://github.example/acme/app/actions/runs/7">The run</a>`);
    expect([...parts.keys()]).toEqual(["text/plain", "text/html"]);
  });

  test("is not sent, nor a password, where the server offers no TLS", async () => {
    await using server = await startMailServer({ disabledCommands: ["STARTTLS"], allowInsecureAuth: true });
    const { sentence } = await failureOf(channelTo(server.port).tell());
    expect(sentence).toBe("The e-mail could not be sent: the server offers no TLS.");
    const commands = Buffer.concat(server.wire).toString().trim().split("\r\n");
    expect(commands.map((line) => line.split(" ")[0])).toEqual(["EHLO", "STARTTLS"]);
    expect([server.logins, server.mails]).toEqual([[], []]);
  });

  test.each([
    ["TLS from the first byte", true],
    ["STARTTLS", false],
  ])("is not sent over %s to a server whose certificate nobody vouches for", async (_, isSecure) => {
    const other = await madeCertificate();
    await using server = await startMailServer({ secure: isSecure, ...other });
    const { waits, tell } = channelTo(server.port, { isSecure });
    const { error, sentence } = await failureOf(tell());
    expect(error.code).toBe("alert-failed");
    expect(sentence).toBe("The e-mail could not be sent: the server's certificate was not accepted.");
    expect(waits).toEqual([]);
    expect([server.logins, server.mails]).toEqual([[], []]);
  });

  test("that a wrong password kept back names neither the user nor the password", async () => {
    await using server = await startMailServer({ ...certificate });
    const login = { user: right.user, password: "guess-99" };
    const { waits, tell } = channelTo(server.port, { login });
    const { error, sentence, inPublic, inFull } = await failureOf(tell());
    expect(error.code).toBe("alert-failed");
    expect(sentence).toBe("The e-mail could not be sent: the server answered 535 to AUTH PLAIN.");
    expect(error.hint).toMatch(/SMTP_USER and SMTP_PASS/);
    expect(inPublic).not.toContain(right.user);
    expect(inFull).not.toContain("guess-99");
    expect(inFull).not.toContain(Buffer.from(`\0${right.user}\0guess-99`).toString("base64"));
    expect(waits).toEqual([]);
    expect(server.logins).toEqual([`${right.user}:guess-99`]);
    expect(server.mails).toEqual([]);
  });

  test("is sent again to a server that greylists, after the server's minutes", async () => {
    const later: [number, string] = [450, "4.2.0 Greylisted, try again"];
    await using server = await startMailServer({ ...certificate }, { [anna]: [later, later] });
    const { waits, tell } = channelTo(server.port);
    await tell();
    expect(waits).toEqual([5_000, 60_000]);
    expect(server.mails.map(({ to }) => to)).toEqual([[anna]]);
  });

  test("to a server that greylists for ever fails in the end", async () => {
    const later: [number, string] = [451, `4.7.1 ${anna}: try again`];
    await using server = await startMailServer({ ...certificate }, { [anna]: Array(9).fill(later) });
    const { waits, tell } = channelTo(server.port);
    const { error, sentence, inPublic } = await failureOf(tell());
    expect(error.code).toBe("alert-failed");
    expect(sentence).toBe("The e-mail could not be sent: the server answered 451 to RCPT TO.");
    expect(inPublic).not.toContain(anna);
    expect(waits).toEqual([5_000, 60_000, 300_000]);
  });

  test("for a recipient who is refused keeps none from the others", async () => {
    await using server = await startMailServer(
      { ...certificate },
      { [anna]: [[550, `5.1.1 <${anna}> is unknown here`]] },
    );
    const { waits, tell } = channelTo(server.port, { to: [anna, bert] });
    const { error, sentence, inPublic } = await failureOf(tell());
    expect(error.code).toBe("alert-failed");
    expect(sentence).toBe("An e-mail could not be sent: the server answered 550 to RCPT TO.");
    expect(inPublic).not.toContain(anna);
    expect(waits).toEqual([]);
    expect(server.mails.map(({ to }) => to)).toEqual([[bert]]);
    expect(server.mails[0]?.headers.get("to")).toBe(`${anna}, ${bert}`);
  });
});

/** A server that speaks as `speak` does; it counts who came, and knows when all of them are gone. */
async function startTalker(speak: (socket: Socket) => void) {
  const closed: Promise<unknown>[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined).resume();
    closed.push(once(socket, "close"));
    speak(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    closed,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await Promise.all(closed);
    },
  };
}

describe("a mail server that never gets to the end", () => {
  test.each([
    ["TLS from the first byte", true],
    ["STARTTLS", false],
  ])("by silence, over %s, is given up after a second try", async (_, isSecure) => {
    await using server = await startTalker(() => undefined);
    const { waits, tell } = channelTo(server.port, { isSecure, answerWithinMs: 100 });
    const { error, sentence } = await failureOf(tell());
    expect(error.code).toBe("alert-failed");
    expect(sentence).toBe("The e-mail could not be sent: the server did not answer in time.");
    expect(waits).toEqual([5_000]);
    expect(server.closed).toHaveLength(2);
    await Promise.all(server.closed);
  });

  test("by a greeting without end is given up as well, and hung up on", async () => {
    await using server = await startTalker((socket) => {
      socket.write("220 at last\r\n250-mail.example\r\n");
      const timer = setInterval(() => socket.write("250-AND-MORE\r\n"), 20);
      socket.once("close", () => {
        clearInterval(timer);
      });
    });
    const { waits, tell } = channelTo(server.port, { attemptWithinMs: 200 });
    const { error, sentence } = await failureOf(tell());
    expect(error.code).toBe("alert-failed");
    expect(sentence).toBe("The e-mail could not be sent: the server did not answer in time.");
    expect(waits).toEqual([5_000]);
    await Promise.all(server.closed);
  });

  test("because nobody listens is tried once more", async () => {
    const server = await startTalker(() => undefined);
    await server[Symbol.asyncDispose]();
    const { waits, tell } = channelTo(server.port);
    const { error, sentence } = await failureOf(tell());
    expect(error.code).toBe("alert-failed");
    expect(sentence).toBe("The e-mail could not be sent: the connection failed.");
    expect(waits).toEqual([5_000]);
  });
});
