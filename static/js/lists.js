// For who shares conversations: what the list missed without a socket, and what was seen in another tab.

/** The list as it is now, for a page that shows this conversation, or none. Nothing if it can't be had. */
async function listNow(shown = "") {
  const address = `${byId("conversations").dataset.anew}${location.search || "?"}&shown=${shown}`;
  const reply = await fetch(address, { headers: { "HX-Request": "true" }, redirect: "error" }).catch(() => {});
  return reply?.ok && reply.text();
}

(() => {
  "use strict";

  async function look() {
    if (document.hidden) return;
    const list = byId("conversations");
    const text = await listNow(list.querySelector("[aria-current]")?.id.slice(2));
    if (!text) return;
    const { id } = document.activeElement;
    await htmx.swap({ sourceElement: list, target: list, swap: "beforeend swapEmpty:false", text });
    if (id) byId(id)?.focus({ preventScroll: true });
  }

  let connections = 0;
  document.addEventListener("htmx:ws:after:connection", () => connections++ && setTimeout(look, Math.random() * 2_000)); // not all at once
  document.addEventListener("visibilitychange", () => isOpen() || look());
  setInterval(() => isOpen() || look(), 30_000);

  // No storage, no other tab.
  document.addEventListener("seen", () => {
    try {
      localStorage.seen = `${byId("conversations").querySelector("[aria-current]")?.id} ${Date.now()}`;
    } catch {}
  });

  addEventListener("storage", ({ key, newValue }) => {
    const line = key === "seen" && byId(newValue?.split(" ")[0]);
    if (!line) return;
    line.className = "";
    line.querySelector("span")?.remove();
  });
})();
