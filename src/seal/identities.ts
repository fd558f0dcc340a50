/** Who opens sealed files: age identity files and passphrases, held in closures so that no printing shows them. */
import {
  Decrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import { LifeboatError } from "../errors.ts";
import { recipientFingerprint } from "./recipients.ts";

export interface Identities {
  /** Fingerprints of the recipients that these identities open for ("passphrase" for a passphrase). */
  fingerprints(): Promise<readonly string[]>;
  /** Their own public keys; none for a passphrase. */
  recipients(): Promise<readonly string[]>;
  /** A fresh decrypter that tries each of them. */
  decrypter(): Decrypter;
}

/**
 * Reads an identity file as age-keygen writes it: AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1… lines, blank lines,
 * `#` comments. Throws `input-invalid` with the number of every bad line and never a line itself.
 */
export function parseIdentities(fileText: string): Identities {
  const keys: string[] = [];
  const problems: string[] = [];
  for (const [index, line] of fileText.split("\n").entries()) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const problem = problemOf(text);
    if (problem === undefined) keys.push(text);
    else problems.push(`line ${index + 1} ${problem}`);
    // Everything behind this line is armored ciphertext: one problem, not one a line.
    if (text === encryptedFile) break;
  }
  if (keys.length === 0 && problems.length === 0) problems.push("it holds no AGE-SECRET-KEY-… line");
  if (problems.length > 0) {
    throw new LifeboatError("input-invalid", `The identity file cannot be used: ${problems.join("; ")}.`, {
      hint: "Give the whole file that `lifeboat keygen` or `age-keygen` wrote.",
    });
  }
  const recipients = async (): Promise<string[]> =>
    await Promise.all(keys.map((key) => identityToRecipient(key)));
  return {
    fingerprints: async () => (await recipients()).map(recipientFingerprint),
    recipients,
    decrypter: () => {
      const decrypter = new Decrypter();
      for (const key of keys) decrypter.addIdentity(key);
      return decrypter;
    },
  };
}

const encryptedFile = "-----BEGIN AGE ENCRYPTED FILE-----";

function problemOf(text: string): string | undefined {
  if (text === encryptedFile) return "begins an encrypted identity file: decrypt it with `age -d` first";
  if (/^age1/i.test(text)) return "is a public key, which opens nothing";
  if (!/^AGE-SECRET-KEY-(?:PQ-)?1/.test(text)) return "is not an age identity";
  try {
    new Decrypter().addIdentity(text);
    return undefined;
  } catch {
    // The library's reason may quote the line, so it is not passed on.
    return "is misspelt or cut: its checksum or length is wrong";
  }
}

/** The identity that opens what was sealed with a passphrase. */
export function passphraseIdentity(passphrase: string): Identities {
  if (passphrase === "") throw new LifeboatError("input-invalid", "The passphrase is empty.");
  return {
    fingerprints: () => Promise.resolve(["passphrase"]),
    recipients: () => Promise.resolve([]),
    decrypter: () => {
      const decrypter = new Decrypter();
      decrypter.addPassphrase(passphrase);
      return decrypter;
    },
  };
}

export interface GeneratedIdentity {
  /** What belongs into the identity file, in age-keygen's own form. Secret. */
  readonly fileText: string;
  /** Its public key, age1… or age1pq1…. */
  readonly recipient: string;
}

export async function generateIdentity(options: {
  readonly postQuantum: boolean;
  readonly created: Date;
}): Promise<GeneratedIdentity> {
  const key = await (options.postQuantum ? generateHybridIdentity() : generateX25519Identity());
  const recipient = await identityToRecipient(key);
  const created = options.created.toISOString().replace(/\.\d+Z$/, "Z");
  return { fileText: `# created: ${created}\n# public key: ${recipient}\n${key}\n`, recipient };
}
