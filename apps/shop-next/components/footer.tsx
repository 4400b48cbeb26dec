import { km } from "../lib/km";

export async function Footer() {
  const { identity, anonymous } = await km();
  // An anonymous identity is as good as a key, so even its owner sees only its end.
  const you = anonymous ? `…${identity.slice(-8)}` : identity;
  return (
    <footer className="foot">
      <p>Blue Hour is a demo shop. Accounts and carts live in memory, nothing is charged and no lamp is sent.</p>
      <p>
        To kmkit you are <code>{you}</code>
        {` (${anonymous ? "anonymous" : "named"}). ${anonymous ? "Sign up, then try" : "Try"} `}
        <code>{`npx kmkit person ${anonymous ? "bob@bob.com" : identity}`}</code>
      </p>
    </footer>
  );
}
