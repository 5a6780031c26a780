// The settings: a browser is asked whether it may notify, and its drafts are deleted.
(() => {
  "use strict";

  const notify = document.querySelector("[name=notify]");
  const denied = notify.closest("[data-denied]");

  notify.addEventListener("change", async () => {
    if (!notify.checked) return;
    const said = "Notification" in window ? await Notification.requestPermission() : "denied";
    notify.checked = said === "granted";
    const words = denied.querySelector(".errors");
    words.hidden = notify.checked;
    words.textContent = notify.checked ? "" : denied.dataset.denied;
  });

  const drafts = document.querySelector(".drafts");
  const button = drafts.querySelector("button");
  drafts.hidden = false;
  button.addEventListener("click", () => {
    const mine = `draft ${drafts.dataset.member} `;
    try {
      for (const name of Object.keys(localStorage)) if (name.startsWith(mine)) localStorage.removeItem(name);
    } catch {
      // A browser that keeps nothing has no drafts either.
    }
    drafts.querySelector("[role=status]").textContent = button.dataset.done;
  });
})();
