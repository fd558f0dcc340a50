/** The client under test against a stand-in, with waits that take no time and are written down. */
import { createHash } from "node:crypto";
import { seededBytes, type StorageServer } from "../../fakes/storage/index.ts";
import {
  parseStorageConnection,
  storageApi,
  type StorageApi,
  type StorageOptions,
} from "../../../src/supabase/storage-api.ts";
import { silentLogger } from "../../../src/system/logger.ts";

export interface TestClient {
  readonly api: StorageApi;
  /** Milliseconds of each wait between tries. */
  readonly waits: number[];
}

export function clientOf(
  server: StorageServer,
  options: Partial<StorageOptions> & { readonly key?: string } = {},
): TestClient {
  const { key = server.secretKey, ...rest } = options;
  const waits: number[] = [];
  const api = storageApi(parseStorageConnection(server.url, key), {
    logger: silentLogger,
    sleep: (milliseconds) => {
      waits.push(milliseconds);
      return Promise.resolve();
    },
    random: () => 0,
    ...rest,
  });
  return { api, waits };
}

export async function sha256(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest("hex");
}

export function seededSha256(seed: string, size: number): string {
  const hash = createHash("sha256");
  for (const chunk of seededBytes(seed, 0, size)) hash.update(chunk);
  return hash.digest("hex");
}

export async function* seeded(seed: string, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
  yield* seededBytes(seed, 0, size);
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** The error's code, and what everybody may read of it. */
export async function failure(work: Promise<unknown>): Promise<{ code: string; publicly: string }> {
  try {
    await work;
  } catch (thrown) {
    const { code, publicly } = thrown as { code: string; publicly: { sentence: string; hint: string } };
    return { code, publicly: `${publicly.sentence} ${publicly.hint}` };
  }
  throw new Error("It did not fail.");
}
