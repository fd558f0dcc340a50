/** What the contract's tests are made of: ids, streams, whole reads. */
import { createHash } from "node:crypto";
import { newSnapshotId } from "../../src/snapshot/ids.ts";
import type { ListedFile, Store } from "../../src/store/store.ts";

export interface StoreUnderTest {
  /** The store as one process sees it. */
  readonly store: Store;
  /** The same place, seen by another process that knows nothing of the first. */
  readonly another: () => Store;
  readonly close: () => Promise<void>;
}

export interface ContractOptions {
  /** GitHub artifacts cannot tell their sources. */
  readonly tellsSources: boolean;
  /** GitHub artifacts go by themselves one day. */
  readonly expires: boolean;
}

let lastSecond = Date.UTC(2026, 10, 23);

/** A new id, later than all before it. */
export function nextId(): string {
  lastSecond += 1000;
  return newSnapshotId(new Date(lastSecond));
}

export async function* streamOf(...chunks: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(Buffer.from(chunk));
}

export async function* breakingAfter(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
  throw error;
}

export async function bytesOf(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export async function readAll(store: Store, key: string): Promise<Buffer> {
  return await bytesOf(await store.read(key));
}

export function keysOf(files: readonly ListedFile[]): readonly string[] {
  return files.map(({ key }) => key);
}

export async function backUp(
  store: Store,
  source: string,
  parts: Record<string, Uint8Array> = {},
): Promise<string> {
  const id = nextId();
  const draft = await store.begin({ source, id });
  for (const [name, bytes] of Object.entries(parts)) await draft.put(name, streamOf(bytes));
  await draft.commit(Buffer.from(`{"id":"${id}"}\n`));
  return id;
}
