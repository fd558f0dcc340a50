/** For whom backups are sealed: checked all at once, of one kind, and named in public by fingerprints only. */
import { createHash } from "node:crypto";
import { Decrypter, Encrypter, type Recipient } from "age-encryption";
import { LifeboatError } from "../errors.ts";

export type RecipientClass = "x25519" | "post-quantum" | "passphrase";

export interface Recipients {
  readonly class: RecipientClass;
  /** In the order given; see `recipientFingerprint`. A passphrase has none and is called "passphrase". */
  readonly fingerprints: readonly string[];
  /** A fresh encrypter for them. `first` is asked before them; a passphrase suffers no other and ignores it. */
  encrypter(first: Recipient): Encrypter;
  /** These and more recipients, by the same rules: for a file that another key opens as well. */
  with(texts: readonly string[]): Recipients;
  /** A passphrase's way to the file key that `first` would have seen. */
  readonly readBack?: () => Decrypter;
}

/** As many post-quantum stanzas as the header that src/seal/age-header.ts is willing to read can hold. */
export const maxRecipients = 32;

/** The first 16 hex digits of the SHA-256 of the recipient's text: `printf %s age1… | sha256sum | cut -c1-16`. */
export function recipientFingerprint(recipient: string): string {
  return createHash("sha256").update(recipient).digest("hex").slice(0, 16);
}

/**
 * Reads age1… (X25519) or age1pq1… (post-quantum) recipients, or one passphrase instead of them.
 * Throws `recipients-missing` for nobody at all and `input-invalid` with every problem; echoes none of the texts,
 * because what stands in the wrong place may be a secret.
 */
export function parseRecipients(texts: readonly string[], passphrase?: string): Recipients {
  if (texts.length === 0 && passphrase === undefined) {
    throw new LifeboatError("recipients-missing", "No recipient is given, so nobody could open the backup.");
  }
  const given = texts.map((text) => text.trim());
  const kinds = given.map(classifyRecipient);
  const problems = kinds.flatMap((kind, index) =>
    "problem" in kind ? [`recipient ${index + 1} ${kind.problem}`] : [],
  );
  const classes = new Set(kinds.flatMap((kind) => ("class" in kind ? [kind.class] : [])));
  if (classes.size > 1) {
    problems.push(
      "X25519 and post-quantum recipients are mixed: one age1… among age1pq1… undoes their protection",
    );
  }
  if (passphrase !== undefined && texts.length > 0) {
    problems.push("a passphrase and recipients are given: age allows a passphrase only by itself");
  }
  if (passphrase === "") problems.push("the passphrase is empty");
  if (texts.length > maxRecipients) problems.push(`more than ${maxRecipients} recipients are given`);
  if (problems.length > 0) {
    throw new LifeboatError("input-invalid", `The recipients cannot be used: ${problems.join("; ")}.`, {
      hint: "Give the `# public key:` of each identity file, all age1… or all age1pq1….",
    });
  }
  if (passphrase !== undefined) return passphraseRecipient(passphrase);
  return publicKeys(classes.has("post-quantum") ? "post-quantum" : "x25519", [...new Set(given)]);
}

type Classified = { readonly class: Exclude<RecipientClass, "passphrase"> } | { readonly problem: string };

/** The class of one recipient (trimmed), or what is wrong with it in words that do not repeat it. */
export function classifyRecipient(text: string): Classified {
  if (text === "") return { problem: "is empty" };
  if (/AGE-SECRET-KEY-/i.test(text)) {
    return {
      problem: "is a SECRET key: give its public key, and replace the key if others could see it here",
    };
  }
  if (!/^age1(?!tag(?:pq)?1)/.test(text)) {
    return { problem: "is neither an age1… nor an age1pq1… public key" };
  }
  try {
    new Encrypter().addRecipient(text);
  } catch {
    // The library's reason may quote the text, so it is not passed on.
    return { problem: "is misspelt or cut: its checksum or length is wrong" };
  }
  return { class: text.startsWith("age1pq1") ? "post-quantum" : "x25519" };
}

function publicKeys(kind: RecipientClass, keys: readonly string[]): Recipients {
  return {
    class: kind,
    fingerprints: keys.map(recipientFingerprint),
    with: (texts) => parseRecipients([...keys, ...texts]),
    encrypter: (first) => {
      const encrypter = new Encrypter();
      encrypter.addRecipient(first);
      for (const key of keys) encrypter.addRecipient(key);
      return encrypter;
    },
  };
}

function passphraseRecipient(passphrase: string): Recipients {
  return {
    class: "passphrase",
    fingerprints: ["passphrase"],
    with: (texts) => parseRecipients(texts, passphrase),
    encrypter: () => {
      const encrypter = new Encrypter();
      encrypter.setPassphrase(passphrase);
      return encrypter;
    },
    readBack: () => {
      const decrypter = new Decrypter();
      decrypter.addPassphrase(passphrase);
      return decrypter;
    },
  };
}
