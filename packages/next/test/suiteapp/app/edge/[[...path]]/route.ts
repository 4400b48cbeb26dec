import { withKm } from "@kmkit/next/edge";
import { handlerOf, turnClock } from "../../../dispatch";

export const runtime = "edge";

turnClock();
const handler = handlerOf(withKm);

// HEAD is Next's own: it calls GET.
export { handler as DELETE, handler as GET, handler as POST, handler as PUT };
