/**
 * The stand-in as a process of its own: `node test/fakes/storage/serve.ts [OPTIONS-AS-JSON]`. Writes one JSON line
 * with its URL and keys, and ends when its stdin does, however its parent dies.
 * Options: those of `startStorageServer` that JSON can say, and `database`, a PostgreSQL URL that keeps the rows.
 */
import { startStorageServer, type StorageServerOptions } from "./index.ts";
import { postgresRows } from "./rows-postgres.ts";

const { database, ...options } = JSON.parse(process.argv[2] ?? "{}") as StorageServerOptions & {
  readonly database?: string;
};
const server = await startStorageServer({
  ...options,
  ...(database === undefined ? {} : { rows: await postgresRows(database) }),
});
const { url, serviceKey, anonKey, secretKey } = server;
console.log(JSON.stringify({ url, serviceKey, anonKey, secretKey }));
process.stdin.resume().on("end", () => void server.close().then(() => process.exit(0)));
