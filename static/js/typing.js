// What is typed: drafts that outlive the page, the keys, and pages that open as a dialog.
(() => {
  "use strict";

  const byId = (id) => document.getElementById(id);

  // Drafts: each form keeps its own by its address, so what was half typed waits while an earlier question is edited. ------
  // In this browser alone, and under its member's number: it survives a reload, signing out and a session that ran out.

  const SAVING = 250; // ms after the last key
  let composer = byId("composer");
  let saving = 0;

  const draftOf = (form) => `draft ${byId("sidebar").dataset.member} ${new URL(form.action).pathname}`;

  /** A browser may have no storage, or no room: the page still holds what was typed. */
  function stored(deed, ...names) {
    try {
      return localStorage[deed](...names);
    } catch {
      return null;
    }
  }

  function keepDraft() {
    clearTimeout(saving);
    saving = 0;
    const text = byId("question").value;
    if (text.trim()) stored("setItem", draftOf(composer), text);
    else dropDraft(composer);
  }

  function dropDraft(form) {
    clearTimeout(saving);
    saving = 0;
    stored("removeItem", draftOf(form));
  }

  function restoreDraft() {
    const question = byId("question");
    const draft = stored("getItem", draftOf(composer));
    if (draft && question.value.trim() === question.defaultValue.trim()) question.value = draft;
  }

  document.addEventListener("input", ({ target }) => {
    if (target.id !== "question") return;
    clearTimeout(saving);
    saving = setTimeout(keepDraft, SAVING);
  });

  for (const name of ["pagehide", "visibilitychange"]) addEventListener(name, () => saving && keepDraft());

  document.addEventListener("htmx:config:request", () => saving && keepDraft(), true);

  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    const isDone = ctx.response?.status < 400 && !ctx.response.raw.redirected;
    if (ctx.sent !== undefined && isDone) dropDraft(ctx.sourceElement);
    if (composer !== byId("composer")) {
      composer = byId("composer");
      restoreDraft();
      byId("question").setSelectionRange(-1, -1); // one goes on where the text ends
    }
    if (ctx.sent !== undefined && byId("question").value) keepDraft();
  });

  restoreDraft();

  // Keys ------------------------------------------------------------------------------------------------------------------

  const hasKeyboard = !matchMedia("(hover: none) and (pointer: coarse)").matches; // on glass, Enter is a new line
  const isTyping = ({ target }) => target.matches?.("input:not([type=checkbox], [type=file]), textarea, select");

  function keyPressed(event) {
    const { key, target } = event;
    const question = byId("question");
    if (key === "Enter" && !event.shiftKey && hasKeyboard && target === question) return () => send(question);
    if ((event.ctrlKey || event.metaKey) && event.shiftKey && key.toUpperCase() === "O") return () => document.querySelector("#sidebar .new").click();
    if (event.ctrlKey || event.metaKey || event.altKey) return null;
    if (key === "ArrowUp" && target === question && !question.value) return editLast();
    if (key === "?" && !isTyping(event)) return () => byId("keys").showModal();
    if (key === "/" && !isTyping(event)) return () => question.focus();
    if (key === "Escape" && !document.querySelector(":popover-open, dialog[open]")) return leave(target);
    return null;
  }

  function send(question) {
    if (question.value.trim()) question.form.requestSubmit();
  }

  function editLast() {
    const edits = document.querySelectorAll("#messages .user .edit");
    return edits.length ? () => edits[edits.length - 1].click() : null;
  }

  /** The innermost thing that can be left: settings, an answer being written, an edit. */
  function leave(target) {
    const settings = byId("settings");
    if (settings?.open && settings.contains(target)) {
      return () => {
        settings.open = false;
        settings.firstElementChild.focus();
      };
    }
    const way = byId("live")?.querySelector("button") ?? document.querySelector("#composer .editing a");
    return way && (() => way.click());
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || !event.key) return; // half a word of an input method
    const deed = keyPressed(event);
    if (!deed) return;
    event.preventDefault();
    deed();
  });

  // The sidebar stays as it was left: the server reads it, so that nothing moves when a page opens ---------------------------

  byId("fold").addEventListener("change", ({ target }) => {
    document.cookie = `fold=${target.checked ? 1 : ""}; path=/; max-age=31536000; samesite=lax`;
  });

  // As a drawer it is all there is: what it covers is out of reach. After it has opened, and before it gives back the focus.
  byId("sidebar").addEventListener("toggle", ({ newState }) => (byId("chat").inert = newState === "open"));
  byId("sidebar").addEventListener("beforetoggle", ({ newState }) => newState === "closed" && (byId("chat").inert = false));

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone; // its days are the reader's
  if (zone) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;

  // A page that is one card opens as a dialog over this one; its form leads on as it does there -------------------------------

  async function openDialog(link) {
    const reply = await fetch(link.href, { headers: { Accept: "text/html" } });
    const card = new DOMParser().parseFromString(await reply.text(), "text/html").querySelector("main.card");
    if (!reply.ok || reply.redirected || !card) return location.assign(link.href);
    const dialog = byId("dialog");
    dialog.ariaLabel = card.querySelector("h1").textContent;
    dialog.replaceChildren(...card.childNodes);
    dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-dialog], [data-opens], #dialog .links a, .editing a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link.matches(".editing a")) return dropDraft(composer); // and the link leads back
    event.preventDefault();
    if (link.matches("[data-dialog]")) {
      document.querySelector(":popover-open")?.hidePopover();
      openDialog(link).catch(() => location.assign(link.href));
    } else if (link.dataset.opens) byId(link.dataset.opens).showModal();
    else link.closest("dialog").close();
  });

  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  }
})();
