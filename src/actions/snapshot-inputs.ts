/** Inputs of everything that reads a snapshot: which one, and the key to it. */
import { LifeboatError } from "../errors.ts";
import type { SnapshotChoice } from "../operations/locate-snapshot.ts";
import type { InputReader } from "../runner/input-reader.ts";
import { type Identities, parseIdentities, passphraseIdentity } from "../seal/identities.ts";
import { isSnapshotId } from "../snapshot/ids.ts";

/** `snapshot` (an id or `latest`) or `as-of` (a moment); the latest where neither is given. */
export function snapshotChoice(read: InputReader): SnapshotChoice {
  const chosen = read.optional.parsed("snapshot", parseSnapshot);
  const asOf = read.optional.parsed("as-of", parseMoment);
  // `latest` is the action's default, so it says nothing against a moment.
  if (chosen?.kind === "id" && asOf !== undefined) {
    read.problem("as-of", "a snapshot is named as well.", "Give one of the two.");
  }
  return asOf ?? chosen ?? { kind: "latest" };
}

function parseSnapshot(text: string): SnapshotChoice {
  if (text === "latest") return { kind: "latest" };
  if (isSnapshotId(text)) return { kind: "id", id: text };
  throw new LifeboatError("input-invalid", "neither `latest` nor a snapshot's id.", {
    hint: "Ids look like 20261123T031207Z-9f2c51e0a7b4; `lifeboat list` shows them.",
  });
}

function parseMoment(text: string): SnapshotChoice {
  const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/i;
  const moment = new Date(text);
  if (rfc3339.test(text) && !Number.isNaN(moment.getTime())) return { kind: "as-of", moment };
  throw new LifeboatError("input-invalid", "not a moment in RFC 3339.", {
    hint: "Write it with a time zone, like 2026-11-23T04:00:00Z or 2026-11-23T05:00:00+01:00.",
  });
}

/** The identity that opens backups, or the passphrase; undefined where neither is given. */
export function optionalIdentities(read: InputReader): Identities | undefined {
  const identities = read.optional.secret("identity", parseIdentities);
  const passphrase = read.optional.secret("passphrase", passphraseIdentity);
  if (identities !== undefined && passphrase !== undefined) {
    read.problem(
      "passphrase",
      "an identity is given as well.",
      "Give the one that the backup was sealed for.",
    );
  }
  return identities ?? passphrase;
}
