/** Which project the Management API is asked about and the token that opens it, checked before anything is asked. */
import { LifeboatError } from "../errors.ts";
import { isLocal } from "../postgres/connection.ts";

export interface ManagementConnection {
  /** https://api.supabase.com, without a slash at the end. */
  readonly apiUrl: string;
  /** The project's ref: 20 lower-case letters. */
  readonly project: string;
  /** A personal access token (`sbp_…`). */
  readonly token: string;
}

export const supabaseApiUrl = "https://api.supabase.com";

/** A ref, or the project's URL, which begins with it. */
export function parseProjectRef(text: string): string {
  const [, ref] = /^(?:https:\/\/)?([a-z]{20})(?:\.supabase\.(?:co|in|red)\/?)?$/.exec(text.trim()) ?? [];
  if (ref !== undefined) return ref;
  throw new LifeboatError("input-invalid", "not the ref of a Supabase project.", {
    hint: "Write the 20 letters that its URL begins with: https://<ref>.supabase.co.",
  });
}

/** Never repeats the token. */
export function parseAccessToken(text: string): string {
  const token = text.trim();
  const refuse = (why: string): LifeboatError =>
    new LifeboatError("input-invalid", why, {
      hint: "Make an access token in the dashboard, account preferences, access tokens: it begins with sbp_.",
    });
  // A header's value: a newline from a badly pasted secret would be refused much later, in other words.
  if (!/^[\x21-\x7e]+$/.test(token)) throw refuse("holds spaces or characters that no token has.");
  if (/^sb_(?:secret|publishable)_|^eyJ/.test(token)) throw refuse("a key of the project, no access token.");
  return token;
}

/** SUPABASE_API_URL: another address is for stand-ins on this machine only, because the token would be sent there. */
export function managementApiUrl(chosen: string | undefined): string {
  if (chosen === undefined || chosen === supabaseApiUrl) return supabaseApiUrl;
  if (URL.canParse(chosen) && isLocal(new URL(chosen).hostname)) return chosen.replace(/\/+$/, "");
  throw new LifeboatError("input-invalid", "SUPABASE_API_URL is not the Management API.", {
    hint: `Unset it: ${supabaseApiUrl} is asked by itself, and nobody else may see the access token.`,
  });
}
