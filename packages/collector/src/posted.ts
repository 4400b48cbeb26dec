import type { IncomingMessage } from "node:http";
import { KmError } from "@kmkit/core";
import { unpacked } from "./body.ts";
import { FORM, formText } from "./form.ts";

/** How many bytes of a body that is too large are read all the same: a sender that is cut off in writing never sees the answer. */
const MOST_READ = 8 << 20;

/** The form in the body of a request, encoded as in a URL. Answers also for one that is too large, broken, or cut off; never rejects. */
export async function postedForm(request: IncomingMessage): Promise<string | KmError> {
  const body = await receive(request);
  if (body instanceof KmError) return body;
  const whole = await unpacked(body, request.headers["content-encoding"], FORM.unpacked);
  return whole instanceof KmError ? whole : formText(whole, request.headers["content-type"]);
}

function receive(request: IncomingMessage): Promise<Buffer | KmError> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const large = () => resolve(new KmError("KM_BODY_TOO_LARGE", `${FORM.most} bytes`));
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= FORM.most) chunks.push(chunk);
      else chunks.length = 0;
      if (size > MOST_READ) {
        request.pause();
        large();
      }
    });
    request.on("end", () => (size > FORM.most ? large() : resolve(Buffer.concat(chunks))));
    const broken = () => resolve(new KmError("KM_BODY_BROKEN", "the connection ended"));
    request.on("error", broken);
    request.on("close", broken);
  });
}
