// For members who want it: an answer that ends while its tab is hidden is told of, and that one is named elsewhere.
(() => {
  "use strict";

  const may = () => window.Notification?.permission === "granted";
  const isLive = () => byId("live")?.querySelector("button");
  let connection = null; // the newest
  let awaited = null; // the one that tells of an answer: it stays open until then

  document.addEventListener("htmx:ws:before:connection", ({ detail }) => (connection = detail.connection));

  // Before htmx hears that the page is hidden, and closes its socket
  document.addEventListener("visibilitychange", (event) => {
    awaited = document.hidden && may() && isLive() ? connection : null;
    if (connection) connection.config.pauseOnBackground = !awaited;
    if (awaited) event.stopImmediatePropagation();
  }, true);

  document.addEventListener("htmx:ws:after:message:incoming", () => {
    if (!awaited || isLive()) return;
    awaited.config.pauseOnBackground = true;
    awaited.socket.close();
    awaited = null;
    tell(byId("title").textContent, location, translate("The answer has ended."));
  });

  // Nothing tells a hidden tab that its member is named: it looks whether its list would say so.

  const LOOKS_EVERY = 60_000; // ms; browsers let a hidden tab do little more
  const named = (page) => new Map([...page.querySelectorAll(".named")].map((it) => [it.parentElement.id, it.parentElement]));
  let known = named(document);

  document.addEventListener("visibilitychange", () => (known = named(document)), true);

  setInterval(async () => {
    if (!document.hidden || !may() || !globalThis.listNow) return;
    const text = await listNow();
    if (!text || !document.hidden) return;
    const now = named(parsed(text));
    for (const [id, link] of now) {
      if (!known.has(id)) tell(link.lastChild.textContent.trim(), link, translate("You are named here."));
    }
    known = now;
  }, LOOKS_EVERY);

  async function tell(title, { pathname, href }, body) {
    const more = { body, icon: "/static/icons/192.png", tag: pathname, data: href };
    const worker = await navigator.serviceWorker?.getRegistration();
    if (worker) worker.showNotification(title, more);
    else new Notification(title, more);
  }
})();
