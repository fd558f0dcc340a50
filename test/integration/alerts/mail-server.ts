/** A mail server on the loopback that writes down what it is told, with a certificate made for it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { runTool } from "../../../src/system/process.ts";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export async function madeCertificate(): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-mail-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    await runTool({
      program: "openssl",
      args: [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        ...["-keyout", key, "-out", cert],
      ],
    });
    return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
  } finally {
    await rm(folder, { recursive: true });
  }
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly isSecure: boolean;
  readonly headers: ReadonlyMap<string, string>;
  /** By media type, decoded. */
  readonly parts: ReadonlyMap<string, string>;
}

export interface MailServer extends AsyncDisposable {
  readonly port: number;
  readonly mails: Mail[];
  /** `user:password` of each login. */
  readonly logins: string[];
  /** What came over the sockets, as it was on the wire. */
  readonly wire: Buffer[];
}

export const right = { user: "postmaster-7", password: "pässword-51" };

export async function startMailServer(
  options: SMTPServerOptions,
  /** SMTP answers to the next RCPT commands for an address; none left: it is taken. */
  refusals: Readonly<Record<string, [code: number, text: string][]>> = {},
): Promise<MailServer> {
  const mails: Mail[] = [];
  const logins: string[] = [];
  const wire: Buffer[] = [];
  const server = new SMTPServer({
    logger: false,
    disableReverseLookup: true,
    closeTimeout: 100,
    onAuth: (auth, _session, done) => {
      logins.push(`${auth.username ?? ""}:${auth.password ?? ""}`);
      const isRight = auth.username === right.user && auth.password === right.password;
      if (isRight) done(null, { user: right.user });
      else done(Object.assign(new Error(`No such login: ${auth.username ?? ""}`), { responseCode: 535 }));
    },
    onRcptTo: ({ address }, _session, done) => {
      const [code, words] = refusals[address]?.shift() ?? [];
      if (code === undefined) done();
      else done(Object.assign(new Error(words), { responseCode: code }));
    },
    onData: (stream, session, done) => {
      void text(stream).then((source) => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          isSecure: session.secure,
          ...parsed(source),
        });
        done();
      }, done);
    },
    ...options,
  });
  // Clients that hang up on a certificate are what some tests are about.
  server.on("error", () => undefined);
  server.server.prependListener("connection", (socket) => {
    socket.on("data", (bytes: Buffer) => wire.push(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    logins,
    wire,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(resolve)),
  };
}

function parsed(source: string): Pick<Mail, "headers" | "parts"> {
  const { headers, body } = split(source);
  const boundary = /boundary="([^"]+)"/.exec(headers.get("content-type") ?? "")?.[1] ?? "no boundary";
  const parts = body.split(`--${boundary}`).slice(1, -1).map(split);
  return {
    headers,
    parts: new Map(
      parts.map((part) => [
        (part.headers.get("content-type") ?? "").replace(/;.*$/, ""),
        decoded(part.body, part.headers.get("content-transfer-encoding") ?? "7bit"),
      ]),
    ),
  };
}

function split(source: string): { readonly headers: Map<string, string>; readonly body: string } {
  const trimmed = source.replace(/^\r\n/, "");
  const end = trimmed.indexOf("\r\n\r\n");
  const lines = trimmed
    .slice(0, end)
    .replaceAll(/\r\n(?=[ \t])/g, "")
    .split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { headers, body: trimmed.slice(end + 4).replace(/\r\n$/, "") };
}

function decoded(body: string, encoding: string): string {
  const lines = body.replaceAll("\r\n", "\n");
  if (encoding === "7bit") return lines;
  if (encoding === "base64") return Buffer.from(body, "base64").toString().replaceAll("\r\n", "\n");
  const bytes = lines
    .replaceAll("=\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString();
}
