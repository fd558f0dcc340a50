/** The report of a restore into a project with its names, for those who hold the identity. */
import type { Identities } from "../seal/identities.ts";
import { parseRecipients } from "../seal/recipients.ts";
import { sealedText } from "../seal/seal.ts";
import type { RestoreReport } from "./restore-database.ts";

/** Base64 of an age file around zstd around JSON, for the identity's own keys; a passphrase has none. */
export async function sealRestoreReport(
  project: NonNullable<RestoreReport["project"]>,
  identities: Identities,
): Promise<string | undefined> {
  const recipients = await identities.recipients();
  if (recipients.length === 0) return undefined;
  return await sealedText(project, parseRecipients(recipients));
}
