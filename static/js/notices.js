// For members who want it: an answer that ends while its tab is hidden is told of. The socket stays open until then.
(() => {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const isLive = () => byId("live")?.querySelector("button");
  let awaited = null; // the connection that tells

  document.addEventListener("htmx:ws:before:connection", ({ detail: { connection } }) => {
    // Before htmx hears that the page is hidden, and closes its socket.
    document.addEventListener("visibilitychange", (event) => {
      const may = window.Notification?.permission === "granted";
      awaited = document.hidden && may && isLive() ? connection : null;
      connection.config.pauseOnBackground = !awaited;
      if (awaited) event.stopImmediatePropagation();
    }, true);
  });

  document.addEventListener("htmx:ws:after:message:incoming", () => {
    if (!awaited || isLive()) return;
    awaited.config.pauseOnBackground = true;
    awaited.socket.close();
    awaited = null;
    const body = translate("The answer has ended.");
    tell(byId("title").textContent, { body, icon: "/static/icons/192.png", tag: location.pathname, data: location.href });
  });

  async function tell(title, more) {
    const worker = await navigator.serviceWorker?.getRegistration();
    if (worker) worker.showNotification(title, more);
    else new Notification(title, more);
  }
})();
