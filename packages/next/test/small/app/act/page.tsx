import { act } from "./actions";

/** A static page with an action. */
export default function Act() {
  return <form id="act" action={act} />;
}
