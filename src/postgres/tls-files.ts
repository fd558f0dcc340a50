/**
 * The certificate files of a connection, found where libpq finds them. Stated files must exist, which libpq does not
 * ask of all of them: a forgotten file must not turn a check off.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { isSupabaseHost, supabaseRootCertificates } from "../supabase/root-certificates.ts";
import type { Connection } from "./connection.ts";

export interface TlsFiles {
  /** Undefined: the server's certificate is not verified. */
  readonly root: string | undefined;
  readonly revoked: string | undefined;
  readonly revokedFolder: string | undefined;
  readonly own: { readonly certificate: string; readonly key: string } | undefined;
}

const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

export function tlsFiles(connection: Connection): TlsFiles {
  const { tls = {} } = connection;
  const root = rootFile(connection);
  const listed = tls.revoked ?? (tls.revokedFolder === undefined ? existing("root.crl") : undefined);
  return {
    root,
    revoked: root === undefined || listed === undefined ? undefined : stated(listed, "sslcrl"),
    revokedFolder: root === undefined ? undefined : tls.revokedFolder,
    own: tls.hidesCertificate === true ? undefined : ownCertificate(connection),
  };
}

/** What a session's TLS is made with: the files' contents. */
export function readTlsFiles(files: TlsFiles): {
  readonly ca?: string;
  readonly crl?: string[];
  readonly cert?: string;
  readonly key?: string;
} {
  const { root, revoked, revokedFolder, own } = files;
  const lists = [
    ...(revoked === undefined ? [] : [read(revoked, "sslcrl")]),
    ...(revokedFolder === undefined
      ? []
      : readdirSync(stated(revokedFolder, "sslcrldir")).map((name) =>
          read(join(revokedFolder, name), "sslcrldir"),
        )),
  ];
  return {
    ...(root === undefined ? {} : { ca: read(root, "sslrootcert") }),
    ...(lists.length === 0 ? {} : { crl: lists }),
    ...(own === undefined ? {} : { cert: read(own.certificate, "sslcert"), key: read(own.key, "sslkey") }),
  };
}

function rootFile(connection: Connection): string | undefined {
  const { sslRootCert, sslMode, host } = connection;
  const verifies = sslMode === "verify-ca" || sslMode === "verify-full";
  if (sslRootCert === "system") return systemBundle();
  if (sslRootCert !== undefined) return stated(sslRootCert, "sslrootcert");
  if (verifies && isSupabaseHost(host)) return supabaseFile();
  const own = existing("root.crt");
  return own ?? (verifies ? systemBundle() : undefined);
}

function systemBundle(): string {
  const found = systemBundles.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new LifeboatError("input-invalid", "This machine has no list of trusted root certificates.", {
    hint: "Install the package ca-certificates, or give sslrootcert=FILE in the database URL.",
  });
}

function ownCertificate({ tls = {} }: Connection): TlsFiles["own"] {
  const certificate = tls.certificate ?? existing("postgresql.crt");
  if (certificate === undefined) return undefined;
  const key = tls.key ?? join(homedir(), ".postgresql", "postgresql.key");
  stated(certificate, "sslcert");
  const { mode, uid } = statSync(stated(key, "sslkey"));
  if ((mode & (uid === 0 ? 0o037 : 0o077)) !== 0) {
    throw new LifeboatError("input-invalid", `The private key "${key}" may be read by others.`, {
      hint: `Run chmod 600 ${key}; libpq refuses such a key too.`,
    });
  }
  return { certificate, key };
}

/** One of libpq's default files, if it is there. */
function existing(name: string): string | undefined {
  const path = join(homedir(), ".postgresql", name);
  return existsSync(path) ? path : undefined;
}

function stated(path: string, parameter: string): string {
  if (existsSync(path)) return path;
  throw missing(path, parameter);
}

function read(path: string, parameter: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw missing(path, parameter);
  }
}

const contents: Readonly<Record<string, string>> = {
  sslrootcert: "root certificates",
  sslcert: "client certificate",
  sslkey: "private key",
  sslcrl: "revocation list",
  sslcrldir: "folder of revocation lists",
};

function missing(path: string, parameter: string): LifeboatError {
  const what = contents[parameter] ?? "file";
  return new LifeboatError("input-invalid", `The ${what} "${path}" cannot be read.`, {
    hint: `Correct ${parameter} in the database URL, or provide the file.`,
  });
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
