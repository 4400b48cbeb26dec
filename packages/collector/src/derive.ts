import { hash } from "node:crypto";
import { NAMESPACE } from "@kmkit/core";

const namespace = Buffer.from(NAMESPACE.replaceAll("-", ""), "hex");
const variants = "89ab";
/** Where the text is put together: large enough for nearly all of them. */
const shared = Buffer.alloc(4096);
namespace.copy(shared);

/** The same UUIDv5 as core's `derive`, by one call to Node's hash: every classic call needs one. */
export function derive(...parts: readonly string[]): string {
  const text = JSON.stringify(parts);
  const most = namespace.length + 3 * text.length;
  const bytes = most <= shared.length ? shared : Buffer.concat([namespace], most);
  const length = namespace.length + bytes.write(text, namespace.length);
  const hex = hash("sha1", bytes.subarray(0, length), "hex");
  const variant = variants[Number.parseInt(hex.charAt(16), 16) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
