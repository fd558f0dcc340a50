/** Which root certificates a connection trusts. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { isSupabaseHost, supabaseRootCertificates } from "../supabase/root-certificates.ts";
import type { Connection } from "./connection.ts";

const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** PEM text to verify the server with: the URL's own file, Supabase's roots for its hosts, else the system's. */
export function rootCertificates(connection: Connection): string {
  if (bringsItsOwn(connection)) return supabaseRootCertificates;
  const path = rootFile(connection);
  if (existsSync(path)) return readFileSync(path, "utf8");
  throw new LifeboatError("input-invalid", `The root certificates "${path}" do not exist.`, {
    hint: "Correct sslrootcert in the database URL, or install the system's ca-certificates.",
  });
}

/** The same as a file, for PostgreSQL's own programs. */
export function rootCertificatesFile(connection: Connection): string {
  return bringsItsOwn(connection) ? supabaseFile() : rootFile(connection);
}

function bringsItsOwn({ host, sslRootCert }: Connection): boolean {
  return sslRootCert === undefined && isSupabaseHost(host);
}

function rootFile({ sslRootCert }: Connection): string {
  return (
    sslRootCert ?? systemBundles.find((path) => existsSync(path)) ?? "/etc/ssl/certs/ca-certificates.crt"
  );
}

let writtenFile: string | undefined;

/** Written once a process, into a folder that nobody else can have prepared, and removed with the process. */
function supabaseFile(): string {
  if (writtenFile !== undefined) return writtenFile;
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-roots-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  writtenFile = join(folder, "supabase.pem");
  writeFileSync(writtenFile, supabaseRootCertificates, { mode: 0o600 });
  return writtenFile;
}
