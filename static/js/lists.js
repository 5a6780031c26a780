// For who shares conversations: what the list missed without a socket, and what was seen in another tab.

/** The list as it is now, for a page that shows this conversation, or none. Nothing if it can't be had. */
async function listNow(shown = "") {
  const address = `${byId("conversations").dataset.anew}${location.search || "?"}&shown=${shown}`;
  const reply = await fetch(address, { headers: { "HX-Request": "true" }, redirect: "error" }).catch(() => {});
  return reply?.ok && reply.text();
}

(() => {
  "use strict";

  const LOADED = 50; // lines of a page; see conversations/listing.py

  async function look() {
    if (document.hidden) return;
    const list = byId("conversations");
    const text = await listNow(list.querySelector("[aria-current]")?.id.slice(2));
    if (!text) return;
    const focus = list.contains(document.activeElement) && document.activeElement;
    if (list.querySelectorAll("[data-asked]:not([data-space])").length > LOADED) mark(list, text);
    else await htmx.swap({ sourceElement: list, target: list, swap: "beforeend swapEmpty:false", text });
    if (!focus || focus.isConnected) return;
    const again = [...byId("conversations").querySelectorAll("a, button")].find((it) => it.isEqualNode(focus));
    (byId(focus.id) ?? again)?.focus({ preventScroll: true });
  }

  /** Of a list that one has scrolled down in, no more than the lines that are there. */
  function mark(list, text) {
    for (const { id, parentElement: line } of parsed(text).querySelectorAll("[data-asked] > a")) {
      if (list.contains(byId(id))) byId(id).parentElement.replaceWith(line);
    }
  }

  let looking = 0;

  function lookSoon(wait) {
    clearTimeout(looking);
    looking = setTimeout(look, wait);
  }

  let wasOpen = document.readyState === "complete"; // it came with the first sharing
  document.addEventListener("htmx:ws:after:connection", () => {
    if (wasOpen) lookSoon(Math.random() * 2_000); // not all at once
    wasOpen = true;
  });
  document.addEventListener("visibilitychange", () => isOpen() || lookSoon(1_000)); // or its socket comes back until then
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
