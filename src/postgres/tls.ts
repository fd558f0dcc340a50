/** How a session of our own is encrypted: the same answer as libpq's for the same URL. */
import { isIP } from "node:net";
import { type ConnectionOptions, createSecureContext } from "node:tls";
import { LifeboatError } from "../errors.ts";
import { certificateNames, matchesName } from "./certificate-name.ts";
import type { Connection, Endpoint } from "./connection.ts";
import { readTlsFiles, tlsFiles } from "./tls-files.ts";

export const wrongName = "LIFEBOAT_CERTIFICATE_NAME";

/** Ways to try, in order: true is encrypted. Sockets are never encrypted, whatever the mode. */
export function encryptionsToTry({ sslMode }: Connection, { host }: Endpoint): readonly boolean[] {
  if (host.startsWith("/")) return [false];
  switch (sslMode) {
    case "disable":
      return [false];
    case "allow":
      return [false, true];
    case "prefer":
      return [true, false];
    case "require":
    case "verify-ca":
    case "verify-full":
      return [true];
  }
}

/** Like libpq, every mode that encrypts verifies the chain where there are root certificates. */
export function tlsOptions(connection: Connection, { host }: Endpoint): ConnectionOptions {
  const { tls = {}, sslMode } = connection;
  const files = tlsFiles(connection);
  const material = readTlsFiles(files);
  refuseUnusable(material);
  return {
    ...material,
    rejectUnauthorized: files.root !== undefined,
    checkServerIdentity: (_name, certificate) => {
      if (sslMode !== "verify-full") return undefined;
      const names = certificateNames(certificate);
      if (matchesName(host, names)) return undefined;
      const others = [...names.dns, ...names.addresses];
      const made = others.length > 0 ? others.join(", ") : (names.commonName ?? "nobody");
      return Object.assign(new Error(made), { code: wrongName });
    },
    minVersion: tls.minVersion ?? "TLSv1.2",
    ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
    ...(tls.hidesName === true || isIP(host) !== 0 ? {} : { servername: host }),
  };
}

/** Named before a server is asked; on the way there it would look like the server's fault. */
function refuseUnusable(material: ConnectionOptions): void {
  try {
    createSecureContext(material);
  } catch (cause) {
    throw new LifeboatError(
      "input-invalid",
      `The certificate files of the database URL cannot be used: ${(cause as Error).message}.`,
      {
        cause,
        hint: "sslrootcert, sslcert, sslkey and sslcrl take PEM files; the key needs to fit the certificate.",
      },
    );
  }
}
