// pages/api/rate.ts
import { withKmApi } from "@kmkit/next";

export default withKmApi((request, response) => {
  request.km.record("Rated", { Stars: 5 });
  response.json({ ok: true });
});
