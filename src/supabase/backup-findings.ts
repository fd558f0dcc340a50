/** What a backup of a Supabase database leaves out, said with its cure; pure. */
import type { SupabaseContents } from "../snapshot/supabase-contents.ts";
import type { Finding } from "../verification/findings.ts";

export interface BackupSights {
  readonly readsEverything: boolean;
  /** Roles of the project's own that have a password; null: unreadable. */
  readonly passwords: number | null;
  /** null: there is no such table, or it may not be read. */
  readonly analyticsBuckets: number | null;
  readonly vectorBuckets: number | null;
}

export function supabaseFindings(contents: SupabaseContents, sights: BackupSights): readonly Finding[] {
  const findings: Finding[] = [];
  if (!contents.vaultSealed && contents.vaultSecrets !== 0 && contents.components.includes("vault")) {
    const number = contents.vaultSecrets === null ? "Secrets" : plural(contents.vaultSecrets, "secret");
    findings.push(
      finding(
        "vault-left-out",
        `${number} of the vault cannot be restored from this backup: their rows are in it, but encrypted with a key that only this project has.`,
        "Set `vault: true` (--vault): they are then decrypted into a sealed part of their own. Or keep them elsewhere.",
      ),
    );
  }
  if (!contents.verifiers && sights.passwords !== 0 && sights.passwords !== null) {
    findings.push(
      finding(
        "role-passwords-left-out",
        `The passwords of ${plural(sights.passwords, "role")} are not in this backup.`,
        "Set `role-passwords: true` (--role-passwords), or be ready to set new ones after a restore.",
      ),
    );
  }
  for (const [kind, count] of [
    ["analytics", sights.analyticsBuckets],
    ["vector", sights.vectorBuckets],
  ] as const) {
    if (count === null || count === 0) continue;
    findings.push(
      finding(
        "buckets-not-covered",
        `${plural(count, `${kind} bucket`)} of Storage: what is in them is not covered by any backup of Lifeboat.`,
        "Keep what they hold elsewhere too; a restore brings back neither them nor their rows.",
      ),
    );
  }
  if (!sights.readsEverything) {
    findings.push(
      finding(
        "read-all-data-missing",
        "The role can read every table of today, but a table that another role makes tomorrow will end the backup.",
        "In the project's SQL editor run: grant pg_read_all_data to the backup's role.",
      ),
    );
  }
  return findings;
}

function plural(count: number, word: string): string {
  return count === 1 ? `1 ${word}` : `${count} ${word}s`;
}

function finding(code: string, sentence: string, remedy: string): Finding {
  return { level: "warning", code, sentence, publicSentence: sentence, remedy };
}
