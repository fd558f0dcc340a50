/** Secrets among a project's settings: what the API keeps to itself, and what nobody may see in a diff. */

/**
 * Fields of the auth settings that the Management API answers with a keyed SHA-256 instead of the value. Writing one
 * back would make the digest the secret.
 */
export function isAuthSecret(field: string): boolean {
  // Vonage's key names the account, as Twilio's SID does.
  if (field === "sms_vonage_api_key") return false;
  return /_(?:secrets?|pass|auth_token|access_key|api_key|api_secret)$/.test(field);
}

/** Secrets of functions that each project makes for itself. */
export function isPlatformSecret(name: string): boolean {
  return name.startsWith("SUPABASE_");
}

export interface NamedSecret {
  readonly setting: "auth" | "secrets";
  readonly name: string;
  /** What the API gives instead of the value. */
  readonly digest: string;
}

/** Secrets that are set, by the answers of `auth` and `secrets`. */
export function secretsIn(settings: Readonly<Record<string, unknown>>): readonly NamedSecret[] {
  const auth = Object.entries((settings["auth"] ?? {}) as Readonly<Record<string, unknown>>)
    .filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "")
    .filter(([field]) => isAuthSecret(field))
    .map(([name, digest]) => ({ setting: "auth", name, digest }) as const);
  const functions = Array.isArray(settings["secrets"]) ? (settings["secrets"] as readonly unknown[]) : [];
  return [
    ...auth,
    ...functions.flatMap((secret) => {
      const { name, value } = (secret ?? {}) as { readonly name?: unknown; readonly value?: unknown };
      if (typeof name !== "string" || isPlatformSecret(name)) return [];
      return [{ setting: "secrets", name, digest: typeof value === "string" ? value : "" } as const];
    }),
  ];
}

/** A value as a person may see it in a diff: never a secret, and no page of text. */
export function shownValue(field: string, value: unknown): string {
  if (value === undefined) return "not set";
  const text = JSON.stringify(value);
  if (isAuthSecret(field) || /^(?:jwt_secret|sms_test_otp)$/.test(field) || holdsSecret(text))
    return "(secret)";
  return text.length > 120 ? `${text.slice(0, 60)}… (${text.length} characters)` : text;
}

/** A URL with a password, a JWT, a Supabase key, a private key. */
function holdsSecret(text: string): boolean {
  return /:\/\/[^/\s"]*:[^/\s"]*@|eyJ[\w-]{10,}\.|\bsb[pa]?_\w{8,}|\bsk_\w{8,}|PRIVATE KEY/.test(text);
}
