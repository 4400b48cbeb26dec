import type { NextRequest } from "next/server";
import { gate } from "../../../lib/gate";

/** `?open=` opens a gate, `?wait=` answers when it is open. */
export async function POST(request: NextRequest): Promise<Response> {
  const { searchParams } = request.nextUrl;
  const [open, wait] = [searchParams.get("open"), searchParams.get("wait")];
  if (open !== null) gate(open).open();
  if (wait !== null) await gate(wait).promise;
  return new Response(null, { status: 204 });
}
