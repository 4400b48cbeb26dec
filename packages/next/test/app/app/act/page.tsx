import { km } from "../../lib/km";
import { act } from "./actions";

export default async function Act() {
  const visitor = await km();
  visitor.record("Viewed Act");
  return (
    <form id="act" action={act as (form: FormData) => void}>
      <p id="seen">{visitor.identity}</p>
      <button type="submit">act</button>
    </form>
  );
}
