import { withKm } from "@kmkit/next";
import { handlerOf } from "../../dispatch";

const handler = handlerOf(withKm);

// HEAD is Next's own: it calls GET.
export { handler as DELETE, handler as GET, handler as POST, handler as PUT };
