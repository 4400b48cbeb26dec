import { Made } from "../../lib/made";

export default function Cached() {
  return <Made />;
}
