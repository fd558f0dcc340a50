/** Which root certificates a connection trusts. */
import { existsSync } from "node:fs";
import type { Connection } from "./connection.ts";

const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Path of the PEM file to verify the server with: the URL's own, else the system's bundle. */
export function rootCertificates(connection: Connection): string {
  return connection.sslRootCert ?? systemBundles.find((path) => existsSync(path)) ?? systemBundles[0] ?? "";
}
