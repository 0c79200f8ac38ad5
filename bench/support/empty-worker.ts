/** A worker that does nothing. */
export default {
  fetch: (): Response => new Response("0"),
};
