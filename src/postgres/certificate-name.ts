/** Whether a server's certificate was made out to the name that we connect to, judged as libpq does. */
import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";

export interface CertificateNames {
  readonly dns: readonly string[];
  readonly addresses: readonly string[];
  readonly commonName: string | undefined;
}

/** The common name counts only where the certificate has no alternative name of the host's kind. */
export function matchesName(host: string, { dns, addresses, commonName }: CertificateNames): boolean {
  const address = isIP(host) !== 0;
  if (dns.some((name) => matchesDns(name, host))) return true;
  if (address && addresses.some((one) => canonical(one) === canonical(host))) return true;
  const ofThisKind = address ? addresses : dns;
  return ofThisKind.length === 0 && commonName !== undefined && matchesDns(commonName, host);
}

/** A wildcard stands for exactly the first label. */
function matchesDns(pattern: string, host: string): boolean {
  const [left, right] = [pattern.toLowerCase(), host.toLowerCase()];
  if (left === right) return true;
  const dot = right.indexOf(".");
  return left.startsWith("*.") && left.length > 2 && dot > 0 && left.slice(1) === right.slice(dot);
}

function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address;
}

export function certificateNames(certificate: PeerCertificate): CertificateNames {
  const names = [
    ...(certificate.subjectaltname ?? "").matchAll(/(DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g),
  ].map(([, kind, name = ""]) => ({
    kind,
    name: name.startsWith('"') ? String(JSON.parse(name)) : name,
  }));
  const ofKind = (wanted: string): readonly string[] =>
    names.filter(({ kind }) => kind === wanted).map(({ name }) => name);
  const common: string | readonly string[] | undefined = certificate.subject.CN;
  return {
    dns: ofKind("DNS"),
    addresses: ofKind("IP Address"),
    commonName: typeof common === "string" ? common : common?.[0],
  };
}
