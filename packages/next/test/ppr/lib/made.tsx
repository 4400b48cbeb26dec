/** Made once, for everybody. */
export async function Made() {
  "use cache";
  return <p id="made">{Date.now()}</p>;
}
