/** E-mail over SMTP, always with TLS; each recipient by an envelope of its own, so that one who is refused hides no other. */
import { createTransport } from "nodemailer";
import { LifeboatError } from "../errors.ts";
import { realSleep, type Sleep } from "../store/with-retries.ts";
import type { AlertChannel } from "./alert.ts";
import { type EmailText, emailText } from "./email-text.ts";

export interface EmailSettings {
  /** Whom the mail names as its recipients. */
  readonly to: readonly string[];
  /** To whom it goes. Default: all of `to`. */
  readonly recipients?: readonly string[];
  readonly from: string;
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (port 465); else STARTTLS, without which nothing is sent. */
  readonly isSecure: boolean;
  readonly login?: { readonly user: string; readonly password: string };
  /**
   * Certificates (PEM) that are trusted instead of Node's own: for a server in the same process, which cannot set
   * NODE_EXTRA_CA_CERTS for itself any more. There is no setting that takes a certificate unchecked.
   */
  readonly authorities?: string;
  readonly sleep?: Sleep;
  /** For the connection and for each answer, in milliseconds. */
  readonly answerWithinMs?: number;
  /** For one whole attempt, in milliseconds. */
  readonly attemptWithinMs?: number;
}

/** Greylisting wants to be asked again after some minutes; a server that is away is tried once more only. */
const greylistWaitsMs = [5_000, 60_000, 300_000] as const;
const awayWaitsMs = [5_000] as const;

export function emailChannel(settings: EmailSettings): AlertChannel {
  return {
    name: "email",
    tell: async (alert) => {
      const failures: LifeboatError[] = [];
      for (const recipient of settings.recipients ?? settings.to) {
        try {
          await sendTo(recipient, emailText(alert), settings);
        } catch (thrown) {
          failures.push(emailError(thrown, settings.to.length));
        }
      }
      const [first] = failures;
      if (first !== undefined) throw first;
    },
  };
}

async function sendTo(recipient: string, text: EmailText, settings: EmailSettings): Promise<void> {
  const { sleep = realSleep } = settings;
  for (let attempt = 0; ; attempt += 1) {
    try {
      await sendOnce(recipient, text, settings);
      return;
    } catch (thrown) {
      const { responseCode = 0 } = thrown as SmtpFailure;
      const code = codeOf(thrown);
      const isGreylisted = responseCode >= 400 && responseCode < 500;
      const isAway = /^(?:ECONNECTION|ETIMEDOUT|ESOCKET|EDNS|EABORT)$/.test(code) && responseCode === 0;
      const waitMs = (isGreylisted ? greylistWaitsMs : isAway ? awayWaitsMs : [])[attempt];
      if (waitMs === undefined) throw thrown;
      await sleep(waitMs);
    }
  }
}

/** What nodemailer throws: `responseCode` is the server's, `command` the one it answered. */
interface SmtpFailure {
  readonly code?: string;
  /** Node's code, where `code` is nodemailer's for all that can happen to a connection. */
  readonly originalCode?: string;
  readonly responseCode?: number;
  readonly command?: string;
}

async function sendOnce(
  recipient: string,
  { subject, text, html }: EmailText,
  settings: EmailSettings,
): Promise<void> {
  const { from, to, host, port, isSecure, login } = settings;
  const { answerWithinMs = 20_000, attemptWithinMs = 60_000, authorities } = settings;
  const transport = createTransport({
    host,
    port,
    secure: isSecure,
    requireTLS: !isSecure,
    ...(login === undefined ? {} : { auth: { user: login.user, pass: login.password } }),
    tls: { minVersion: "TLSv1.2", ...(authorities === undefined ? {} : { ca: authorities }) },
    connectionTimeout: answerWithinMs,
    greetingTimeout: answerWithinMs,
    socketTimeout: answerWithinMs,
    dnsTimeout: answerWithinMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // A server that sends a byte now and then never trips the timeouts of the parts. The signal also closes the
  // connection, which would keep the process from ending.
  const signal = AbortSignal.timeout(attemptWithinMs);
  const envelope = { from, to: [recipient] };
  try {
    await transport.sendMail({ from, to: [...to], subject, text, html, envelope, signal });
  } finally {
    transport.close();
  }
}

/** The server's own words stay out: they like to repeat addresses. */
function emailError(thrown: unknown, recipients: number): LifeboatError {
  const { responseCode, command } = thrown as SmtpFailure;
  const code = codeOf(thrown);
  const why =
    responseCode === undefined || code === "ETLS"
      ? (reasons[code] ?? "the connection failed")
      : `the server answered ${responseCode}${command === undefined ? "" : ` to ${command}`}`;
  const whom = recipients === 1 ? "The e-mail" : "An e-mail";
  return new LifeboatError("alert-failed", `${whom} could not be sent: ${why}.`, {
    hint:
      code === "EAUTH"
        ? "Correct the secrets of alerts.email (SMTP_USER and SMTP_PASS by default)."
        : "See that the mail server is up, speaks TLS with a certificate that can be checked, and takes mail from this sender.",
    cause: thrown,
  });
}

/** A certificate that is not accepted today is not accepted in five seconds: it is no server that is away. */
function codeOf(thrown: unknown): string {
  const { code = "", originalCode = "" } = thrown as SmtpFailure;
  return /CERT|SIGNATURE|INVALID_CA/.test(originalCode) ? "certificate" : code;
}

const reasons: Readonly<Record<string, string>> = {
  EDNS: "the server's name is not known",
  certificate: "the server's certificate was not accepted",
  EABORT: "the server did not answer in time",
  ETIMEDOUT: "the server did not answer in time",
  ETLS: "the server offers no TLS",
};
