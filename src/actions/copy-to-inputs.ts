/** Further stores as people write them: an address, and where wanted how long that store keeps a snapshot. */
import { LifeboatError } from "../errors.ts";
import type { InputReader } from "../runner/input-reader.ts";
import type { DaysOfTier } from "../retention/lifetime.ts";
import { parseStoreAddress, type StoreAddress } from "../store/open-store.ts";

export interface CopyToInput {
  readonly address: StoreAddress;
  /** Counted from when the snapshot was made; absent: by its longest tier. */
  readonly days?: number;
  /** Instead, by tier: what a store of the policy is asked to keep. */
  readonly daysOfTier?: DaysOfTier;
}

/** Artifacts end earlier than most tiers (docs/format.md). */
export const mostDays = { artifacts: 400, s3: 100 * 366, directory: 100 * 366 } as const;

export function copyToInputs(
  read: InputReader,
  name: string,
  ofPolicy: readonly CopyToInput[] = [],
): readonly CopyToInput[] {
  const lines = read.optional.list(name);
  if (lines === undefined) return ofPolicy;
  const parsed = lines.flatMap((line) => {
    try {
      return [parseCopyTo(line)];
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      read.problem(name, error.message, error.hint);
      return [];
    }
  });
  const addresses = parsed.map(({ address }) => JSON.stringify(address));
  if (new Set(addresses).size < addresses.length) {
    read.problem(name, "one store is named twice.", "Name each once.");
  }
  return parsed;
}

function parseCopyTo(line: string): CopyToInput {
  const [, text = "", option] = /^(\S+)(?:\s+(.*))?$/.exec(line) ?? [];
  const address = parseStoreAddress(text);
  if (option === undefined) return { address };
  const [, days] = /^days=([1-9]\d{0,4})$/.exec(option) ?? [];
  if (days !== undefined && Number(days) <= mostDays[address.kind]) return { address, days: Number(days) };
  throw new LifeboatError("input-invalid", `"${option}" behind the address is not days=NUMBER.`, {
    hint: `Like: s3://bucket/prefix?region=eu-central-1 days=2562 (at most ${mostDays[address.kind]}).`,
  });
}
