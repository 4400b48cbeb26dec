import { handlers } from "../../../../lib/authjs";
import { byAuthjs } from "../../../../lib/km";

export const GET = handlers.GET;
export const POST = byAuthjs.withKm((request) => {
  request.km.record("Asked Auth.js");
  return handlers.POST(request);
});
