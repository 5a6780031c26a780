// The page of a link, and its preview: code is copied, and what goes on is followed. Without script it is read all the same.
(() => {
  "use strict";

  const ENDED = [4401, 4404]; // the link shows something else by now, or nothing: the page says what
  const PATIENCE = 1_000; // ms before a lost connection is worth words

  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("button.copy");
    if (button) copyBy(button, button.closest("figure").querySelector("code").textContent);
  });

  let worry = 0;

  function say(sentence) {
    clearTimeout(worry);
    worry = 0;
    const place = byId("connection");
    if (place && place.textContent !== sentence) place.textContent = sentence;
  }

  document.addEventListener("htmx:ws:after:connection", () => say(""));

  document.addEventListener("htmx:ws:close", ({ detail: { code, reason } }) => {
    if (reason !== "closed") return;
    if (ENDED.includes(code)) location.reload();
    else if (code === 4429 || code === 4403) say(translate("Reload the page for what is new."));
    else worry ||= setTimeout(() => isOpen() || say(translate("Reconnecting…")), PATIENCE);
  });

  let tending = 0;

  function tend() {
    tending ||= setTimeout(() => {
      tending = 0;
      reach(document);
    }, 1_000);
  }

  document.addEventListener("htmx:after:swap", tend);
  addEventListener("resize", tend);
  tend();

  // Whoever reads at the end stays there as it grows

  const page = document.documentElement;
  let isAtEnd = false;
  addEventListener("scroll", () => {
    isAtEnd = page.scrollHeight - page.clientHeight - page.scrollTop < 32;
  }, { passive: true });
  new ResizeObserver(() => {
    if (isAtEnd && byId("cursor")) page.scrollTo({ top: page.scrollHeight, behavior: "instant" });
  }).observe(document.body);
})();
