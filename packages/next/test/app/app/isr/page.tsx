export const revalidate = 1;

export default function Isr() {
  return <p id="at">{Date.now()}</p>;
}
