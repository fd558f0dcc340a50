import { describe, expect, it } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { generateIdentity, parseIdentities, passphraseIdentity } from "../../../src/seal/identities.ts";
import { maxRecipients, parseRecipients, recipientFingerprint } from "../../../src/seal/recipients.ts";
import { keyPair, sha256 } from "./streams.ts";

const one = await keyPair();
const two = await keyPair();
const hybrid = await keyPair(true);
const secret = one.fileText.trim().split("\n").at(-1) ?? "";

function refusal(work: () => unknown): LifeboatError {
  try {
    work();
  } catch (error) {
    if (error instanceof LifeboatError) return error;
    throw error;
  }
  throw new Error("It should have been refused.");
}

describe("recipients", () => {
  it("are of one class and known in public by the beginning of their SHA-256", () => {
    const recipients = parseRecipients([` ${one.recipient}\n`, two.recipient, one.recipient]);
    expect(recipients.class).toBe("x25519");
    expect(recipients.fingerprints).toEqual(
      [one.recipient, two.recipient].map((text) => sha256(Buffer.from(text)).slice(0, 16)),
    );
    expect(parseRecipients([hybrid.recipient]).class).toBe("post-quantum");
    const passphrase = parseRecipients([], "correct horse");
    expect([passphrase.class, passphrase.fingerprints]).toEqual(["passphrase", ["passphrase"]]);
  });

  it("are joined by others by the same rules", async () => {
    const both = parseRecipients([one.recipient]).with(await parseIdentities(two.fileText).recipients());
    expect(both.fingerprints).toEqual(parseRecipients([one.recipient, two.recipient]).fingerprints);
    expect(() => parseRecipients([one.recipient]).with([hybrid.recipient])).toThrow(/mixed/);
    expect(() => parseRecipients([], "correct horse").with([one.recipient])).toThrow(/by itself/);
  });

  it("must be somebody: there is no unencrypted mode", () => {
    const error = refusal(() => parseRecipients([]));
    expect([error.code, error.exitCode, error.family]).toEqual(["recipients-missing", 2, "user"]);
  });

  it("are refused with every problem at once, by position, and with no text repeated", () => {
    const misspelt = one.recipient.slice(0, -1) + (one.recipient.endsWith("q") ? "p" : "q");
    const texts = ["", misspelt, "ssh-ed25519 AAAA", two.recipient, secret, secret.toLowerCase()];
    const error = refusal(() => parseRecipients(texts, "correct horse"));
    expect(error.code).toBe("input-invalid");
    expect(error.message).toMatch(
      /recipient 1 is empty; recipient 2 is misspelt.*; recipient 3 is neither.*; recipient 5 is a SECRET key.*; recipient 6 is a SECRET key.*; a passphrase and recipients/,
    );
    for (const text of [...texts, "correct horse"].filter((text) => text !== "")) {
      expect(JSON.stringify(error) + error.message + error.hint + String(error.stack)).not.toContain(text);
    }
    expect(error.cause).toBeUndefined();
  });

  it.each([
    ["X25519 with post-quantum", () => parseRecipients([one.recipient, hybrid.recipient]), /mixed/],
    ["a passphrase with recipients", () => parseRecipients([one.recipient], "secret"), /by itself/],
    ["an empty passphrase", () => parseRecipients([], ""), /empty/],
    [
      "more than a header may hold",
      () => parseRecipients(Array<string>(maxRecipients + 1).fill(one.recipient)),
      /more than 32/,
    ],
    [
      "a tag recipient",
      () => parseRecipients(["age1tag1qwe0kafsjrar4txm6heqnhpfuggzr0gvznz7fvygxrlq90u5mq2pysxtw6h"]),
      /neither/,
    ],
    [
      "a plugin's recipient",
      () => parseRecipients(["age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t"]),
      /misspelt/,
    ],
    ["two recipients on one line", () => parseRecipients([`${one.recipient} ${two.recipient}`]), /misspelt/],
  ])("refuse %s", (_what, work, sentence) => {
    const error = refusal(work);
    expect(error.code).toBe("input-invalid");
    expect(error.message).toMatch(sentence);
  });
});

describe("an identity file", () => {
  it("may hold comments, blank lines, CRLF and several keys of both kinds", async () => {
    const identities = parseIdentities(
      `\r\n# mine\r\n${one.fileText.replaceAll("\n", "\r\n")}\n${hybrid.fileText}`,
    );
    expect(await identities.fingerprints()).toEqual(
      [one.recipient, hybrid.recipient].map(recipientFingerprint),
    );
  });

  it("is made in age-keygen's own form", async () => {
    const made = await generateIdentity({
      postQuantum: false,
      created: new Date("2026-11-23T03:12:07.123Z"),
    });
    expect(made.fileText).toMatch(
      /^# created: 2026-11-23T03:12:07Z\n# public key: age1[a-z0-9]{58}\nAGE-SECRET-KEY-1[A-Z0-9]{58}\n$/,
    );
    expect(made.fileText).toContain(`# public key: ${made.recipient}\n`);
    const postQuantum = await generateIdentity({ postQuantum: true, created: new Date(0) });
    expect(postQuantum.fileText).toMatch(/\nAGE-SECRET-KEY-PQ-1[A-Z0-9]{58}\n$/);
    expect(postQuantum.recipient).toMatch(/^age1pq1/);
  });

  it("is refused with the number of every bad line and none of the lines", () => {
    const broken = `${secret.slice(0, -1)}${secret.endsWith("Q") ? "P" : "Q"}`;
    const error = refusal(() => parseIdentities(`# fine\n${broken}\n${secret}\nhunter2\n${one.recipient}\n`));
    expect(error.code).toBe("input-invalid");
    expect(error.message).toMatch(
      /line 2 is misspelt.*; line 4 is not an age identity; line 5 is a public key/,
    );
    expect(error.message + error.hint + String(error.stack)).not.toMatch(
      /AGE-SECRET-KEY-[1P].|hunter2|age1[a-z0-9]/,
    );
    expect(error.cause).toBeUndefined();
  });

  it.each([
    ["", /holds no AGE-SECRET-KEY/],
    ["# only a comment\n", /holds no AGE-SECRET-KEY/],
    [
      "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\nYWdl\n",
      /line 1 begins an encrypted identity file: decrypt[^;]*$/,
    ],
  ])("is refused as %j", (text, sentence) => {
    expect(refusal(() => parseIdentities(text)).message).toMatch(sentence);
  });

  it("shows no secret when it is printed", () => {
    const identities = [
      one.identities,
      passphraseIdentity("correct horse"),
      parseRecipients([], "correct horse"),
    ];
    expect(JSON.stringify(identities)).not.toMatch(/SECRET|horse/);
  });
});
