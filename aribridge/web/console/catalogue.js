/** What the connected Asterisk of a target describes of itself: its `version` and `operations`. */
export async function fetchCatalogue(target, token) {
  const response = await fetch(`v1/catalogue/${encodeURIComponent(target)}`, { headers: { Authorization: `Bearer ${token}` } });
  const body = await response.json();
  if (!response.ok) throw new Error(`The list of operations is not there: ${body.detail}`);
  return body;
}
