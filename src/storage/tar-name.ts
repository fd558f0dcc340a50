/**
 * Names of tar entries: any key of any bucket as a relative path that stays below its folder. Unique, and
 * `decodeURIComponent` turns each back into `<bucket>/<key>`.
 */
import { LifeboatError } from "../errors.ts";

const special = /[%\\\u0000-\u001f\u007f]/g;

/**
 * `<bucket>/<key>` with `%`, `\` and control characters percent-encoded, with `%2F` for each `/` that would make an
 * empty segment (at the key's start or end, behind another `/`), and with `%2E` for the dots of `.` and `..`.
 */
export function encodeTarName(object: { readonly bucket: string; readonly name: string }): string {
  for (const text of [object.bucket, object.name]) {
    if (text !== "" && text.isWellFormed()) continue;
    throw new LifeboatError(
      "object-name-unusable",
      `${JSON.stringify(text)} is no name that UTF-8 can write.`,
      {
        publicSentence: "A bucket or an object has a name that UTF-8 cannot write.",
      },
    );
  }
  return `${encodeBucket(object.bucket)}/${encodeKey(object.name)}`;
}

/** The bucket and key of a name that `encodeTarName` made; undefined for every other text. */
export function decodeTarName(name: string): { readonly bucket: string; readonly name: string } | undefined {
  const slash = name.indexOf("/");
  if (slash === -1) return undefined;
  try {
    const object = {
      bucket: decodeURIComponent(name.slice(0, slash)),
      name: decodeURIComponent(name.slice(slash + 1)),
    };
    return encodeTarName(object) === name ? object : undefined;
  } catch {
    return undefined;
  }
}

function encodeBucket(bucket: string): string {
  return encodeSegment(bucket).replaceAll("/", "%2F");
}

function encodeKey(key: string): string {
  const segments = key.split("/");
  let encoded = "";
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    const separates = segments[index - 1] !== "" && !(isLast && segment === "");
    encoded += (index === 0 ? "" : separates ? "/" : "%2F") + encodeSegment(segment);
  }
  return encoded;
}

function encodeSegment(segment: string): string {
  if (segment === "." || segment === "..") return segment.replaceAll(".", "%2E");
  return segment.replaceAll(special, encodeURIComponent);
}
