import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { libpqEnvironment } from "../../../src/postgres/libpq.ts";
import { isSupabaseHost, supabaseRootCertificates } from "../../../src/supabase/root-certificates.ts";

const certificates = supabaseRootCertificates.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g) ?? [];

test("both of Supabase's roots are there, and no other", () => {
  expect(certificates.map((pem) => new X509Certificate(pem).fingerprint256)).toEqual([
    "80:70:25:AD:50:D4:ED:21:9D:2C:9C:7D:29:9C:00:4F:82:4E:B0:0C:F7:F6:5A:FE:F6:07:D0:7B:72:E6:CA:FA",
    "5F:9B:77:95:1A:7A:A1:30:3F:9B:58:EE:A9:BF:A8:9E:35:8C:FD:C1:5F:97:86:FF:10:D4:93:0A:72:2C:9A:E2",
  ]);
});

test("each root signs itself with the key it carries", () => {
  for (const pem of certificates) {
    const certificate = new X509Certificate(pem);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
  }
});

test.each([
  ["db.abcdefghijklmnop.supabase.co", true],
  ["aws-0-eu-central-1.pooler.supabase.com", true],
  ["supabase.co.example.org", false],
  ["mysupabase.com", false],
])("%s is a host of Supabase: %s", (host, expected) => {
  expect(isSupabaseHost(host)).toBe(expected);
});

test("PostgreSQL's programs verify Supabase's hosts with these roots, and others with the system's", () => {
  const supabase = parseConnection("postgresql://u:p@db.abcdefghijklmnop.supabase.co/postgres", "URL");
  const environment = libpqEnvironment(supabase);
  expect(environment["PGSSLMODE"]).toBe("verify-full");
  expect(readFileSync(environment["PGSSLROOTCERT"] ?? "", "utf8")).toBe(supabaseRootCertificates);
  const other = libpqEnvironment(parseConnection("postgresql://u:p@db.example.org/app", "URL"));
  expect(other["PGSSLROOTCERT"]).toMatch(/^\/etc\//);
});
