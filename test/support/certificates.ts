/** A certificate authority of a test's own, and what it signs. */
import { chown, copyFile, chmod, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "../../src/system/process.ts";
import type { TestServer } from "./servers.ts";

export interface SignedCertificate {
  readonly certificate: string;
  readonly key: string;
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** The path of `NAME.pem` in `folder`; its key lies beside it. */
export async function makeAuthority(folder: string, name: string): Promise<string> {
  const certificate = join(folder, `${name}.pem`);
  await openssl(
    "req",
    "-x509",
    ...newKey,
    "-days",
    "2",
    "-subj",
    `/CN=${name}`,
    "-keyout",
    keyOf(certificate),
    "-out",
    certificate,
  );
  return certificate;
}

export async function signedBy(
  authority: string,
  folder: string,
  name: string,
  options: { readonly alternatives?: string; readonly days?: number } = {},
): Promise<SignedCertificate> {
  const certificate = join(folder, `${name}.pem`);
  const request = join(folder, `${name}.csr`);
  const names =
    options.alternatives === undefined ? [] : ["-addext", `subjectAltName=${options.alternatives}`];
  await openssl(
    "req",
    ...newKey,
    "-subj",
    `/CN=${name}`,
    ...names,
    "-keyout",
    keyOf(certificate),
    "-out",
    request,
  );
  await openssl(
    ...["x509", "-req", "-in", request, "-CA", authority, "-CAkey", keyOf(authority), "-CAcreateserial"],
    ...["-days", String(options.days ?? 2), "-copy_extensions", "copy", "-out", certificate],
  );
  await chmod(keyOf(certificate), 0o600);
  return { certificate, key: keyOf(certificate) };
}

/** Revokes `revoked` and returns the path of the authority's list. */
export async function revocationList(authority: string, folder: string, revoked: string): Promise<string> {
  const [config, index, list] = ["ca.cnf", "index.txt", "revoked.pem"].map((name) => join(folder, name));
  if (config === undefined || index === undefined || list === undefined) throw new Error("no paths");
  await writeFile(index, "");
  await writeFile(
    config,
    `[ca]\ndefault_ca=own\n[own]\ndatabase=${index}\ndefault_md=sha256\ndefault_crl_days=2\n`,
  );
  const common = ["ca", "-config", config, "-cert", authority, "-keyfile", keyOf(authority)];
  await openssl(...common, "-revoke", revoked);
  await openssl(...common, "-gencrl", "-out", list);
  return list;
}

/** The server reads its certificate, its authority for clients and its rules anew. */
export async function serveTls(
  server: TestServer,
  shown: SignedCertificate | undefined,
  rules: readonly string[],
  clientAuthority?: string,
): Promise<void> {
  const owner = await stat(server.dataDir);
  const give = async (from: string, to: string): Promise<void> => {
    const path = join(server.dataDir, to);
    await copyFile(from, path);
    await chown(path, owner.uid, owner.gid);
    await chmod(path, 0o600);
  };
  if (shown !== undefined) {
    await give(shown.certificate, "server.crt");
    await give(shown.key, "server.key");
  }
  if (clientAuthority !== undefined) await give(clientAuthority, "clients.crt");
  await writeFile(join(server.dataDir, "pg_hba.conf"), `local all all trust\n${rules.join("\n")}\n`);
  const settings = {
    ssl: shown === undefined ? "off" : "on",
    ssl_ca_file: clientAuthority === undefined ? "" : "clients.crt",
  };
  for (const [name, value] of Object.entries(settings)) {
    await server.sql("postgres", `alter system set ${name} = '${value}'`);
  }
  await server.sql("postgres", "select pg_reload_conf()");
  await server.sql("postgres", "select pg_sleep(0.3)");
}

function keyOf(certificate: string): string {
  return certificate.replace(/\.pem$/, ".key");
}

async function openssl(...args: readonly string[]): Promise<void> {
  await runTool({ program: "openssl", args });
}
