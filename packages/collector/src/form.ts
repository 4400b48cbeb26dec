import { KmError } from "@kmkit/core";
import type { Bounds } from "./body.ts";

/** How large a classic call's body may be: seven values of 8,192 characters in a script of three bytes a character, each byte as `%XX`. */
export const FORM: Bounds = { most: 512 << 10, unpacked: 1 << 20 };

/**
 * The parameters in a classic call's body, encoded as in a URL. Clients call their forms by all sorts of types, or by none, so whatever is no
 * `multipart/form-data` (which PHP's curl makes of an array) is read as `name=value&…`.
 */
export function formText(body: Uint8Array, type: string | undefined): string | Promise<string | KmError> {
  return /^\s*multipart\/form-data\b/i.test(type ?? "") ? multipart(body, type as string) : Buffer.from(body).toString();
}

async function multipart(body: Uint8Array, type: string): Promise<string | KmError> {
  try {
    const form = await new Response(Buffer.from(body), { headers: { "content-type": type } }).formData();
    const fields = [...form].filter((field): field is [string, string] => typeof field[1] === "string");
    return new URLSearchParams(fields).toString();
  } catch (cause) {
    return new KmError("KM_BODY_BROKEN", "multipart/form-data", cause);
  }
}
