import { logOut, signUp } from "./actions";

export default function Login() {
  return (
    <>
      <form id="signup" action={signUp}>
        <input name="email" type="email" />
        <button type="submit">Sign up</button>
      </form>
      <form id="logout" action={logOut}>
        <button type="submit">Log out</button>
      </form>
    </>
  );
}
