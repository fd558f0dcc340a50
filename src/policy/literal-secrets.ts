/** Secrets that stand in a policy file itself, comments included. They are pointed at, never repeated. */

export interface LiteralSecret {
  /** Offsets into the text. */
  readonly start: number;
  readonly end: number;
  /** "an age identity (a private key)" */
  readonly what: string;
}

// Lengths are bounded so that no text, however made, takes long to search.
const shapes: readonly { readonly what: string; readonly shape: RegExp }[] = [
  { what: "an age identity (a private key)", shape: /AGE-(?:SECRET-KEY|PLUGIN)-[A-Z0-9-]*/gi },
  { what: "a private key", shape: /-----BEGIN [A-Z ]*PRIVATE KEY-----/g },
  { what: "a Supabase secret key", shape: /\bsb_secret_[A-Za-z0-9_-]+/g },
  { what: "a Supabase access token", shape: /\bsbp_[A-Za-z0-9_]{16,}/g },
  {
    what: "a JSON Web Token (a service_role key, perhaps)",
    shape: /\beyJ[\w-]{8,2000}\.[\w-]{8,2000}(?:\.[\w-]*)?/g,
  },
  { what: "an AWS access key", shape: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { what: "a GitHub token", shape: /\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})/g },
  { what: "a Slack token", shape: /\bxox[a-z]-[A-Za-z0-9-]{8,}/g },
  {
    what: "a webhook's address (a secret)",
    shape: /https:\/\/hooks\.slack\.com\/\S*[^\s"',}\]]/g,
  },
  { what: "a Vault token", shape: /\bhvs\.[A-Za-z0-9_-]{16,}/g },
  // Up to the last `@` before a space: people forget to encode an `@` in a password.
  {
    what: "a URL with a password",
    shape: /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/@"']{0,200}:[^\s"']{1,1000}@[^\s"',}\]]*/gi,
  },
  {
    what: "a password in a connection string",
    shape: /[?&\s](?:ssl|pg)?password\s*=\s*[^\s&"']+/gi,
  },
];

/** Forty characters of base64 with every kind of letter: an AWS secret access key; no path and no hash looks so. */
const awsSecret = /(?<![A-Za-z0-9/+=_-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_-])/g;

export function literalSecrets(text: string): readonly LiteralSecret[] {
  const found = shapes.flatMap(({ what, shape }) =>
    [...text.matchAll(shape)].map((match) => hit(match, what)),
  );
  for (const match of text.matchAll(awsSecret)) {
    if (isMixed(match[0])) found.push(hit(match, "an AWS secret access key"));
  }
  found.sort((left, right) => left.start - right.start || right.end - left.end);
  // One thing is reported once: a key inside a URL is part of the URL.
  return found.filter((secret, index) => !found.slice(0, index).some((before) => before.end > secret.start));
}

function hit(match: RegExpExecArray, what: string): LiteralSecret {
  return { start: match.index, end: match.index + match[0].length, what };
}

function isMixed(text: string): boolean {
  const count = (kind: RegExp): number => text.match(kind)?.length ?? 0;
  return count(/[A-Z]/g) >= 6 && count(/[a-z]/g) >= 6 && /\d/.test(text);
}
