import { byIron } from "../../lib/km";
import { act, logIn, logOut } from "./actions";

export default async function Page() {
  const visitor = await byIron.km();
  visitor.record("Viewed");
  return (
    <main>
      <p id="seen">{visitor.identity}</p>
      <form id="logIn" action={logIn} />
      <form id="logOut" action={logOut} />
      <form id="act" action={act} />
    </main>
  );
}
