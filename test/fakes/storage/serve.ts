/**
 * The stand-in as a process of its own: `node test/fakes/storage/serve.ts [OPTIONS-AS-JSON]`. Writes one JSON line
 * with its URL and keys, and ends when its stdin does, however its parent dies.
 */
import { startStorageServer, type StorageServerOptions } from "./index.ts";
import { generatedRows } from "./rows-generated.ts";
import type { Rows } from "./rows.ts";

/** Options of `startStorageServer` that JSON can say, and what only a process needs. */
export interface ServeOptions extends Omit<StorageServerOptions, "rows" | "now"> {
  /** A PostgreSQL URL that keeps the rows. */
  readonly database?: string;
  /** One bucket `generated` of so many rows that are nowhere kept and have no bytes: for listings alone. */
  readonly generated?: number;
  /** Buckets with objects `photo-00000.jpg` and so on, of bytes that are generated when asked for. */
  readonly filled?: readonly { readonly bucket: string; readonly objects: number; readonly size: number }[];
}

async function rowsOf({ database, generated }: ServeOptions): Promise<{ readonly rows?: Rows }> {
  if (generated !== undefined) return { rows: generatedRows(generated) };
  if (database === undefined) return {};
  const { postgresRows } = await import("./rows-postgres.ts");
  return { rows: await postgresRows(database) };
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2] ?? "{}") as ServeOptions;
  const server = await startStorageServer({ ...options, ...(await rowsOf(options)) });
  for (const { bucket, objects, size } of options.filled ?? []) {
    await server.addBucket(bucket);
    for (let number = 0; number < objects; number++) {
      const name = `photo-${String(number).padStart(5, "0")}.jpg`;
      await server.addObject(bucket, { name, size, seed: `${bucket}/${name}`, contentType: "image/jpeg" });
    }
  }
  const { url, serviceKey, anonKey, secretKey } = server;
  console.log(JSON.stringify({ url, serviceKey, anonKey, secretKey }));
  process.stdin.resume().on("end", () => void server.close().then(() => process.exit(0)));
}
