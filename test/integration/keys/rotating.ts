/** Old and new keys, and ways to see that a store's files open with them. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  rotateKeys,
  type RotationReport,
  type RotationRequest,
} from "../../../src/operations/rotate-keys.ts";
import { generateIdentity, type Identities, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients, type Recipients } from "../../../src/seal/recipients.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { shellBlocks } from "../../scenarios/restore-by-hand/page.ts";

export interface Key {
  readonly identities: Identities;
  readonly recipient: string;
  readonly file: string;
  readonly recipients: Recipients;
}

export async function newKey(): Promise<Key> {
  const { fileText, recipient } = await generateIdentity({ postQuantum: false, created: new Date() });
  const file = join(mkdtempSync(join(tmpdir(), "lifeboat-key-")), "identity.txt");
  writeFileSync(file, fileText, { mode: 0o600 });
  return { identities: parseIdentities(fileText), recipient, file, recipients: parseRecipients([recipient]) };
}

export const surroundingsOf = (store: Store) => ({
  store,
  clock: systemClock,
  logger: silentLogger,
  lifeboatVersion: "0.0.0",
  signal: new AbortController().signal,
});

export async function rotate(
  store: Store,
  from: Key,
  to: Recipients,
  more: Partial<RotationRequest> = {},
): Promise<RotationReport> {
  return await rotateKeys(
    {
      source: "database",
      identities: from.identities,
      recipients: to,
      indexRecipients: [],
      dryRun: false,
      jobs: 4,
      ...more,
    },
    surroundingsOf(store),
  );
}

const page = readFileSync(join(import.meta.dirname, "../../../docs/keys.md"), "utf8");

/** The blocks of docs/keys.md, with these values; what it printed, and the bytes that it opened. */
export function followKeysPage(
  values: Readonly<Record<"STORE" | "SOURCE" | "ID" | "FILE" | "IDENTITY", string>>,
): { readonly code: number | null; readonly output: string; readonly opened: Buffer } {
  const [, ...blocks] = shellBlocks(page);
  const script = [...blocks, 'cat "$WORK/opened" >&3; rm -r "$WORK"'].join("\n");
  const target = join(mkdtempSync(join(tmpdir(), "lifeboat-opened-")), "opened");
  mkdirSync(dirname(target), { recursive: true });
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["-euo", "pipefail", "-c", `exec 3> ${target}\n${script}`],
    {
      env: { PATH: process.env["PATH"] ?? "", ...values },
      encoding: "utf8",
    },
  );
  return { code: status, output: stdout + stderr, opened: readFileSync(target) };
}
