/** What Supabase's pooler and network say when they let nobody in, and what to do about it. */
import type { ErrorCode } from "../error-catalogue.ts";

export interface ConnectRefusal {
  readonly code: ErrorCode;
  readonly hint: string;
}

interface KnownRefusal extends ConnectRefusal {
  readonly said: RegExp;
}

const known: readonly KnownRefusal[] = [
  {
    said: /tenant or user not found/i,
    code: "database-login-refused",
    hint:
      "Through the pooler the user is postgres.<project ref>, and the host is that of the project's own region " +
      "(aws-0 and aws-1 differ too): copy the session pooler's URL from the dashboard, Connect.",
  },
  {
    said: /address not in (?:tenant )?allow_?list/i,
    code: "database-login-refused",
    hint:
      "The project's network restrictions do not name this machine's address. GitHub's hosted runners have no fixed " +
      "one: use a self-hosted runner or one with a static address, or lift the restriction.",
  },
  {
    said: /ssl (?:connection )?(?:is )?required/i,
    code: "database-login-refused",
    hint: "The server lets nobody in without TLS: take sslmode out of the URL, or write sslmode=verify-full.",
  },
  {
    said: /max ?clients? ?(?:connections reached|in ?session ?mode)|remaining connection slots|too many clients/i,
    code: "too-many-connections",
    hint:
      "All connections are taken. Through the session pooler a backup needs as many as `jobs` and six more: lower " +
      "`jobs`, raise the project's pool size, or use the direct address.",
  },
  {
    said: /wrong password/i,
    code: "database-login-refused",
    hint:
      "The pooler knows another password. After a reset it takes some minutes to learn the new one: wait, then check " +
      "that the secret has it, with special characters percent-encoded.",
  },
];

/** Undefined for anything that is not one of these. */
export function connectRefusal(said: string): ConnectRefusal | undefined {
  return known.find((one) => one.said.test(said));
}

/** For a platform's host that does not even answer. */
export const bannedHint =
  "Nothing answers there. After several wrong passwords Supabase bans an address for about half an hour " +
  "(dashboard, Database settings, Network bans); else check host and port, and that the project is not paused.";
