/** Which keys the Storage API takes today; objects of before may have others, which it serves but takes no more. */
const allowed = /^[A-Za-z0-9_/!.*'() &$=@;:+,?-]+$/;

export function isKeyAllowed(name: string): boolean {
  return allowed.test(name);
}
