/**
 * A `postgresql://` URL taken apart as libpq does. A URL that can be read in two ways is refused, and nothing of it is
 * repeated: whatever looks like its host may be the rest of a password.
 */
import { LifeboatError } from "../errors.ts";
import { knownMistake } from "./connection-mistakes.ts";

export interface UrlParts {
  readonly user: string;
  readonly password: string;
  readonly hosts: readonly string[];
  readonly ports: readonly string[];
  readonly database: string;
  readonly parameters: ReadonlyMap<string, string>;
}

export type Refuse = (why: string, cure?: string) => LifeboatError;

const encoded = "percent-encode the password";
const parameterCure =
  "In the part after `?` write `@` as %40 and `=` as %3D, and give each parameter a value.";

/** Throws `input-invalid` whose message begins with `describe`. */
export function splitUrl(text: string, refuse: Refuse): UrlParts {
  const mistake = knownMistake(text);
  if (mistake !== undefined) throw refuse(mistake.why, mistake.cure);
  const rest = /^postgres(?:ql)?:\/\/(.*)$/s.exec(text)?.[1];
  if (rest === undefined) throw refuse("does not begin with postgresql://");
  refuseAmbiguous(rest, refuse);
  const decode = decoder(refuse);
  const [, authority = "", path = "", query] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest) ?? [];
  const at = authority.indexOf("@");
  const credentials = at < 0 ? "" : authority.slice(0, at);
  const colon = credentials.indexOf(":");
  const [user, password] =
    colon < 0 ? [credentials, ""] : [credentials.slice(0, colon), credentials.slice(colon + 1)];
  const places = authority
    .slice(at + 1)
    .split(",")
    .map((place) => splitPlace(place, refuse));
  return {
    user: decode(user, "user"),
    password: decode(password, "password"),
    hosts: places.map(({ host }) => decode(host, "host")),
    ports: places.map(({ port }) => port),
    database: decode(path, "database"),
    parameters: readQuery(query ?? "", refuse, decode),
  };
}

function refuseAmbiguous(rest: string, refuse: Refuse): void {
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? "";
  const [credentials = "", ...others] = authority.split("@");
  const two = (which: string): LifeboatError =>
    refuse(`can be read in more than one way, because of ${which}: ${encoded}`);
  if (others.length > 1) throw two("an unencoded `@`");
  if (rest.slice(authority.length).includes("@")) {
    throw two(others.length === 1 ? "a second `@`" : "a `/`, `?` or `#` before the `@`");
  }
  if (rest.includes("#")) throw two("an unencoded `#`");
  if (/\s/.test(rest)) throw two("a space or line break");
  if (others.length === 1 && /[[\]]/.test(credentials)) throw two("an unencoded bracket");
  if (/%(?![0-9a-f]{2})/i.test(rest)) throw refuse(`has a stray percent sign: ${encoded}`);
}

function splitPlace(place: string, refuse: Refuse): { readonly host: string; readonly port: string } {
  const match = /^(?:\[([0-9a-f:.]+(?:%25[\w.]+)?)\]|([^:[\]]*))(?::([^:]*))?$/i.exec(place);
  if (match === null) throw refuse("is not a valid URL");
  return { host: match[1] ?? match[2] ?? "", port: match[3] ?? "" };
}

function decoder(refuse: Refuse): (part: string, what: string) => string {
  return (part, what) => {
    let text: string;
    try {
      text = decodeURIComponent(part);
    } catch {
      throw refuse(`has a ${what} whose percent-encoding is not UTF-8`);
    }
    if (text.includes("\0")) throw refuse("contains a NUL character");
    return text;
  };
}

function readQuery(
  query: string,
  refuse: Refuse,
  decode: (part: string, what: string) => string,
): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const [name = "", value, ...more] = pair.split("=");
    if (value === undefined || more.length > 0)
      throw refuse("has a parameter that is not NAME=VALUE", parameterCure);
    parameters.set(decode(name, "parameter"), decode(value, "parameter"));
  }
  return parameters;
}
