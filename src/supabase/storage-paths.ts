/** The addresses of buckets and objects. */
import { LifeboatError } from "../errors.ts";

/** The path of an object below `/storage/v1`; `kind` is `object`, `object/authenticated`, `object/info`, … */
export function objectPath(kind: string, bucket: string, name: string): string {
  return `/storage/v1/${kind}/${encodeBucket(bucket)}/${encodeKey(name)}`;
}

/** Buckets' names may hold `?`, `&`, spaces and more. */
export function encodeBucket(bucket: string): string {
  return encoded(bucket);
}

/** Segment by segment, the empty ones kept: `//`, a leading and a trailing `/` are part of the key. */
function encodeKey(name: string): string {
  const segments = name.split("/");
  if (!segments.some((segment) => segment === "." || segment === ".."))
    return segments.map(encoded).join("/");
  // Every URL parser on the way resolves `.` and `..`; with its slashes encoded the key is one harmless segment.
  if (segments.length === 1) throw unaddressable();
  return encoded(name);
}

function encoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch (cause) {
    throw unaddressable(cause);
  }
}

function unaddressable(cause?: unknown): LifeboatError {
  return new LifeboatError("object-name-unusable", "An object's key cannot be written into a URL.", {
    cause,
  });
}
