/** The policy's ways to tell people, each with its secrets; a secret is looked for when its way is used. */
import { createHash } from "node:crypto";
import type { AlertPlace } from "../../alerts/alert.ts";
import { emailChannel } from "../../alerts/email.ts";
import type { AskGitHub } from "../../alerts/github-requests.ts";
import { isInTheClear } from "../../alerts/http-post.ts";
import { issueBook } from "../../alerts/issues.ts";
import { ping } from "../../alerts/ping.ts";
import { webhookChannel } from "../../alerts/webhook.ts";
import { LifeboatError } from "../../errors.ts";
import type { Channels } from "../../operations/send-alerts.ts";
import type { ReadPolicy } from "../../policy/check.ts";
import type { AlertPolicy, SecretReference } from "../../policy/policy.ts";
import { resolveSecret, type Variable } from "../../policy/secrets.ts";
import type { RunContext } from "../../runner/environment.ts";
import type { Secrets } from "../../runner/secrets.ts";

export interface ChannelMeans {
  readonly variable: Variable;
  readonly secrets: Secrets;
  /** `owner/name` */
  readonly repository: string | undefined;
  /** Absent without a token. */
  readonly ask: AskGitHub | undefined;
}

export function channelsOf(
  { issues, email, webhook, ping: pinged }: AlertPolicy,
  means: ChannelMeans,
): Channels {
  const { secrets, variable } = means;
  const secret = (reference: SecretReference, path: string): string => {
    const value = resolveSecret(reference, path, variable);
    secrets.add(value);
    return value;
  };
  return {
    ...(issues && { issues: () => issueBook({ ...githubOf(means), ...issues }) }),
    others: [
      ...(email === undefined
        ? []
        : email.to.map((recipient) => ({
            name: "email" as const,
            id: `email.${createHash("sha256").update(recipient).digest("hex").slice(0, 8)}`,
            open: () => openEmail(email, recipient, means, secret),
          }))),
      ...(webhook === undefined
        ? []
        : [
            {
              name: "webhook" as const,
              open: () =>
                webhookChannel({ url: secret(webhook.url, "alerts.webhook"), format: webhook.format }),
            },
          ]),
    ],
    ...(pinged && { ping: () => (kind) => ping(kind, { url: secret(pinged, "alerts.ping") }) }),
  };
}

/** Throws `policy-invalid` where a webhook or ping would go over http:// beyond this machine; before anything is sent. */
export function refuseInTheClear({ policy, errorAt }: ReadPolicy, variable: Variable): void {
  const { webhook, ping: pinged } = policy.alerts;
  for (const [way, reference] of [["webhook", webhook?.url] as const, ["ping", pinged] as const]) {
    if (reference === undefined || !isInTheClear(variable(reference.secret)?.trim() ?? "")) continue;
    const sentence = `names ${reference.secret}, which holds an http:// address: everybody on the way could read it.`;
    const cure = "Put an https:// address into it; http:// is for this machine's own addresses only.";
    throw (
      errorAt?.(["alerts", way], sentence, cure) ?? new LifeboatError("policy-invalid", `${way} ${sentence}`)
    );
  }
}

/** Where an issue can be opened, and with what. */
function githubOf({ repository, ask }: ChannelMeans) {
  const place = repositoryOf(repository);
  if (place !== undefined && ask !== undefined) return { repository: place, ask };
  throw new LifeboatError("alert-failed", "Issues need a repository and a token.", {
    hint: "In a workflow pass `github-token` with `issues: write`; on a terminal set GITHUB_REPOSITORY and GITHUB_TOKEN.",
  });
}

export function repositoryOf(
  repository: string | undefined,
): { readonly owner: string; readonly name: string } | undefined {
  const [owner = "", name = ""] = (repository ?? "").split("/");
  return owner === "" || name === "" ? undefined : { owner, name };
}

function openEmail(
  { to, from, smtp }: NonNullable<AlertPolicy["email"]>,
  recipient: string,
  { variable, secrets }: ChannelMeans,
  secret: (reference: SecretReference, path: string) => string,
) {
  const plain = (reference: SecretReference): string | undefined =>
    variable(reference.secret)?.trim() || undefined;
  const port = plain(smtp.port) ?? (plain(smtp.secure) === "true" ? "465" : "587");
  const user = plain(smtp.user);
  if (user !== undefined) secrets.add(user);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new LifeboatError("alert-failed", "The e-mail could not be sent: its port is no number.", {
      hint: `Correct the secret ${smtp.port.secret}.`,
    });
  }
  return emailChannel({
    to,
    recipients: [recipient],
    from: from ?? to[0] ?? "",
    host: resolveSecret(smtp.host, "alerts.email.host", variable),
    port: Number(port),
    isSecure: plain(smtp.secure) === undefined ? port === "465" : plain(smtp.secure) === "true",
    ...(user === undefined
      ? {}
      : { login: { user, password: secret(smtp.password, "alerts.email.password") } }),
  });
}

export function alertPlace({
  repository,
  runUrl,
  serverUrl,
  actionRepository,
  actionRef,
}: Pick<RunContext, "repository" | "runUrl" | "serverUrl" | "actionRepository" | "actionRef">): AlertPlace {
  const own = actionRepository !== undefined && actionRef !== undefined;
  const files = own
    ? `${serverUrl}/${actionRepository}/blob/${actionRef}`
    : `${serverUrl}/${repository ?? "lifeboat/lifeboat"}/blob/HEAD`;
  return { repository, runUrl, runbook: `${files}/docs/runbook.md` };
}
