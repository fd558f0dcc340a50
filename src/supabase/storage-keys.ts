/** Which keys the Storage API takes today; objects of before may have others, which it neither takes nor serves. */
const allowed = /^[A-Za-z0-9_/!.*'() &$=@;:+,?-]+$/;

export function isKeyAllowed(name: string): boolean {
  // Every URL parser on the way resolves these two away.
  return allowed.test(name) && name !== "." && name !== "..";
}
