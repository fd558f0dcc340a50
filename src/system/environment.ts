/** What child processes inherit: enough to find programs and certificates, nothing secret. */
const inherited = [
  "PATH",
  "HOME",
  "TMPDIR",
  "LD_LIBRARY_PATH",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "SYSTEMROOT",
];

/**
 * The environment of a child: the inherited few, a fixed locale (messages in English, UTF-8 bytes untouched)
 * and what this child needs (`PGPASSWORD` and the like), which is all it gets of our secrets.
 */
export function childEnvironment(own: Readonly<Record<string, string>> = {}): Record<string, string> {
  const environment: Record<string, string> = { LC_ALL: "C", TZ: "UTC" };
  for (const name of inherited) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...own };
}

const proxyNames = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/** The machine's proxies, and what needs none; undefined where there is no proxy. */
export function proxyEnvironment(): Readonly<Record<string, string>> | undefined {
  const named = [...proxyNames, "NO_PROXY", "no_proxy"].flatMap((name) => {
    const value = process.env[name] ?? "";
    return value === "" ? [] : [[name, value] as const];
  });
  return named.some(([name]) => proxyNames.includes(name)) ? Object.fromEntries(named) : undefined;
}
