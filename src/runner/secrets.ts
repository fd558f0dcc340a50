/**
 * Secrets, masked the moment they are read.
 *
 * Masked: passwords, keys, tokens, whole URLs, each line of a multi-line value, and their encodings. Never masked:
 * users, hosts, ports, databases, and any secret that is shorter than eight characters or an everyday word. A masked
 * `postgres` stars the whole log and makes GitHub drop every output that contains it. Such a password is kept out by
 * construction: it travels by environment or pass file, and `redact` removes it wherever it stands in a URL or
 * behind `password=`.
 */
export interface Secrets {
  /** Masks `value` and everything secret in it. Do this before anything else looks at the value. */
  add(value: string): void;
  /** `text` with every known secret, and every password in a URL, replaced by `***`. */
  redact(text: string): string;
}

const shortestMask = 8;
const shortestPiece = 4;

const everydayWords = new Set(
  (
    "postgres postgresql postgrest supabase supabase_admin authenticator service_role authenticated anonymous " +
    "database password passw0rd changeme localhost username administrator development production staging test1234 " +
    "testtest example required disabled verified lifeboat snapshot storage artifact artifacts schedule template0 " +
    "template1 information public_schema workflow success failure undefined true false null default"
  ).split(" "),
);

/** `announce` tells the runner to mask a value (`core.setSecret`); a terminal has nobody to tell. */
export function createSecrets(announce: (mask: string) => void = () => {}): Secrets {
  const masks = new Set<string>();
  let longestFirst: readonly string[] = [];
  return {
    add(value) {
      for (const mask of masksOf(value)) {
        if (masks.has(mask)) continue;
        masks.add(mask);
        announce(mask);
      }
      longestFirst = [...masks].sort((left, right) => right.length - left.length);
    },
    redact(text) {
      let redacted = text;
      for (const mask of longestFirst) redacted = redacted.replaceAll(mask, "***");
      return redacted
        .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s"'<>]+@/gi, "$1***@")
        .replaceAll(/\b((?:ssl|pg)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&"']+)/gi, "$1***");
    },
  };
}

/** Whether text contains what a URL or connection string carries as its password. */
export function holdsPassword(text: string): boolean {
  return passwordsIn(text).length > 0;
}

/** Whether an ordinary input looks like one that somebody put a password, key or token into; then it is not shown. */
export function mayHoldSecret(value: string): boolean {
  if (holdsPassword(value)) return true;
  return /:\/\/[^/]*:[^/]*[^\d/]|:\/\/.*@|[?&][^=]*(?:key|secret|token|password|credential)[^=]*=/i.test(
    value,
  );
}

function masksOf(value: string): Set<string> {
  const neighbours = ordinaryPartsOf(value);
  const masks = new Set<string>(splitPasswordOf(value.trim(), neighbours));
  for (const part of [value.trim(), ...linesOf(value), ...passwordsIn(value)]) {
    for (const form of [part, decoded(part)]) {
      if (!isDistinctive(form, neighbours)) continue;
      for (const encoded of encodings(form)) masks.add(encoded);
    }
  }
  return masks;
}

function isDistinctive(text: string, neighbours: ReadonlySet<string>): boolean {
  if (text.length < shortestMask || new Set(text).size < 3) return false;
  // Row counts and ports would be starred.
  if (/^\d{1,11}$/.test(text)) return false;
  return !everydayWords.has(text.toLowerCase()) && !neighbours.has(text);
}

/** Lines of keys and key files; armour and comments are the same in everybody's. */
function linesOf(value: string): string[] {
  const lines = value.split(/[\r\n]+/).map((line) => line.trim());
  return lines.length < 2 ? [] : lines.filter((line) => !/^(?:-----|#|[{}[\]],?$)/.test(line));
}

/** Up to the last `@`: people forget to encode an `@` in a password. */
const urlShape = /^[a-z][a-z0-9+.-]*:\/\/([^:@/?#]*):(.+)@([^@]*)$/is;
const namedPassword =
  /(?:^|[?&\s])[a-z_-]*(?:pass(?:word|phrase)|token|secret|signature)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)/gi;

function passwordsIn(value: string): string[] {
  const found = [...value.matchAll(namedPassword)].map((match) => (match[1] ?? "").replaceAll(/^'|'$/g, ""));
  const inAuthority = urlShape.exec(value.trim())?.[2];
  if (inAuthority !== undefined) found.push(inAuthority);
  if (URL.canParse(value.trim())) found.push(new URL(value.trim()).password);
  return found.filter((password) => password !== "");
}

/**
 * The pieces of a password that an unencoded character splits: each program takes another one for the host. Nothing
 * runs with such a URL, so short ones may be masked too.
 */
function splitPasswordOf(value: string, neighbours: ReadonlySet<string>): readonly string[] {
  const password = urlShape.exec(value)?.[2] ?? "";
  if (!/[@/?#%\s[\]]/.test(password)) return [];
  const pieces = [password, ...password.split(/[@/?#%\s[\]&=:]+/)];
  return pieces.filter((piece) => {
    const word = piece.toLowerCase();
    return piece.length >= shortestPiece && !everydayWords.has(word) && !neighbours.has(piece);
  });
}

/** User, host and database: a password that equals one of them cannot be masked without starring it. */
function ordinaryPartsOf(value: string): Set<string> {
  const match = urlShape.exec(value.trim());
  if (match === null) return new Set();
  const [, user = "", , place = ""] = match;
  return new Set([user, decoded(user), ...place.split(/[/?#:,]/)].filter((part) => part !== ""));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone percent sign: the text was not percent-encoded.
    return text;
  }
}

function encodings(text: string): string[] {
  const forms = [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1), ...base64Forms(text)];
  return [...new Set(forms)].filter((form) => form.length >= shortestMask);
}

/** Base64 of `text` wherever it stands in what was encoded: at each of the three alignments, both alphabets. */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text);
  return [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    const whole = encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    return [whole, whole.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
